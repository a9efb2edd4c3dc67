/**
 * How the server is: what comes in, how fast it is committed and told, what it takes on disk, what goes wrong.
 *
 * In the flow: reads the server's measurements every few seconds while the page is open, shows numbers and charts.
 * Guarantee: every number is the server's own measurement; nothing is kept but the last hour in this tab.
 */

import { html, nothing } from '../vendor/lit/lit-element.js';
import { Problem, getText } from '../data/api.js';
import { growth, readMetrics, spread } from '../data/openmetrics.js';
import '../parts/chart.js';
import { Part } from '../parts/part.js';
import '../parts/readout.js';
import { colours } from '../services.js';
import { ownZone } from '../time/zones.js';

/** @typedef {import('../data/openmetrics.js').Reading} Reading */
/** @typedef {{ ms: number, values: Record<string, number | null> }} Sample */
/** @typedef {{ title: string, unit: string, about: string, columns: [string, string][] }} Chart columns: their name and the value of a sample */

const EVERY_MS = 5_000;
/** The second reading comes soon, so that there is a first rate to show. */
const FIRST_MS = 1_000;
const KEPT = 720;

/** @type {readonly Chart[]} */
const CHARTS = [
  { title: 'Events', unit: 'per second', about: 'What became of the events that were sent.', columns: [['stored', 'stored'], ['repeated', 'duplicate'], ['rejected', 'rejected']] },
  { title: 'Commit', unit: 'ms', about: 'From taking events to their acknowledgement, on disk.', columns: [['mean', 'commit'], ['99 % within', 'commitHigh']] },
  { title: 'Live delay', unit: 'ms', about: 'From a commit to its change being handed to every open page.', columns: [['mean', 'live'], ['99 % within', 'liveHigh']] },
  { title: 'Questions', unit: 'per second', about: 'Answered from what was known already, and from the store.', columns: [['from the cache', 'cache'], ['from the store', 'store']] },
  { title: 'Errors', unit: 'per second', about: 'Requests that were refused (4xx), and those in which the server failed (5xx).', columns: [['refused', 'refused'], ['failed', 'failed']] },
  { title: 'Parts', unit: 'files of the store', about: 'Merged in the background; many are slow to read.', columns: [['parts', 'parts']] },
];

export class HealthPage extends Part {
  static properties = { samples: { state: true }, problem: { state: true } };

  constructor() {
    super();
    /** @type {readonly Sample[]} oldest first */
    this.samples = [];
    /** @type {Problem | null} */
    this.problem = null;
  }

  /** @type {{ ms: number, reading: Reading } | null} */
  #last = null;
  #timer = 0;

  connectedCallback() {
    super.connectedCallback();
    this.#read(FIRST_MS);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    window.clearTimeout(this.#timer);
    this.#timer = -1;
  }

  /** @param {number} next ms until the next reading */
  async #read(next) {
    try {
      const reading = readMetrics(await getText('metrics', 'application/openmetrics-text'));
      this.#take(performance.now(), reading);
      this.problem = null;
    } catch (error) {
      this.problem = error instanceof Problem ? error : new Problem(0, { detail: String(error) });
    }
    if (this.#timer >= 0) this.#timer = window.setTimeout(() => this.#read(EVERY_MS), next);
  }

  /** @param {number} ms @param {Reading} reading */
  #take(ms, reading) {
    const last = this.#last;
    this.#last = { ms, reading };
    if (last) this.samples = [...this.samples, sampleOf(last.reading, reading, (ms - last.ms) / 1000)].slice(-KEPT);
    else this.requestUpdate();
  }

  render() {
    this.dataset.state = this.samples.length ? 'ready' : this.problem ? 'problem' : 'waiting';
    const reading = this.#last?.reading;
    return html`
      <div class="page-head"><div class="page-name"><h1>Health</h1>
        <p class="quiet">What this server measures of itself, every five seconds while this page is open. All of it is at <a href="metrics">/metrics</a> for a monitor.</p></div></div>
      ${this.problem ? html`<section class="panel health-problem"><p role="alert"><strong>${this.problem.title}</strong><br />${this.problem.message}</p></section>` : nothing}
      ${reading ? this.#tiles(reading) : html`<div class="panel-empty"><p class="quiet">Measuring…</p></div>`}
      ${this.samples.length ? html`<div class="panels">${CHARTS.map((one) => this.#chart(one))}</div>` : nothing}
    `;
  }

  /** @param {Reading} reading */
  #tiles(reading) {
    const last = this.samples.at(-1)?.values ?? {};
    const hits = (reading.get('livetally_query_answers_total{origin="cache"}') ?? 0) / Math.max(1, answersIn(reading));
    return html`<div class="tiles">
      ${tile('Events', 'per second', last.stored === undefined ? '–' : numberText(last.stored))}
      ${tile('Position', 'commits', numberText(reading.get('livetally_position')))}
      ${tile('Waiting', 'events', numberText(reading.get('livetally_waiting_events')))}
      ${tile('Open streams', '', numberText(reading.get('livetally_live_streams')))}
      ${tile('Cache hits', '', answersIn(reading) ? percent.format(hits) : '–')}
      ${tile('Store', '', bytesText(reading.get('livetally_store_bytes')))}
      ${tile('Disk left', '', bytesText(reading.get('livetally_disk_free_bytes')))}
    </div>`;
  }

  /** @param {Chart} chart */
  #chart({ title, unit, about, columns }) {
    const numbers = columns.length > 1 ? colours.assign('health', columns.map(([name]) => name)) : new Map();
    const metric = { name: title, aggregate: 'avg', by: [], unit, decimals: 2 };
    const data = {
      ...{ times: this.samples.map(({ ms }) => ms), interval: /** @type {const} */ ('minute'), tz: ownZone(), range: null },
      columns: columns.map(([name, value]) => ({
        ...{ name: columns.length > 1 ? name : '', colour: numbers.get(name) ?? null, metric },
        values: this.samples.map(({ values }) => values[value] ?? null),
      })),
    };
    return html`<div data-width="6"><section class="panel" aria-label=${title}>
      <header class="panel-head"><h2>${title} <span class="unit">${unit}</span></h2><p class="panel-about">${about}</p></header>
      <div class="panel-body"><div class="panel-plot">
        <lt-readout .data=${data} .hiddenColumns=${[]}></lt-readout>
        <lt-chart .data=${data} kind="line" .label="${title}, ${unit}"></lt-chart>
      </div></div>
    </section></div>`;
  }
}

const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const percent = new Intl.NumberFormat(undefined, { style: 'percent', maximumFractionDigits: 1 });

/** @param {string} title @param {string} unit @param {string} text */
function tile(title, unit, text) {
  return html`<article class="tile"><h2 class="tile-name">${title} <span class="unit">${unit}</span></h2><p class="tile-number"><span class="tile-value">${text}</span></p></article>`;
}

/** @param {Reading} reading */
function answersIn(reading) {
  return (reading.get('livetally_query_answers_total{origin="cache"}') ?? 0) + (reading.get('livetally_query_answers_total{origin="store"}') ?? 0);
}

/** @param {Reading} before @param {Reading} now @param {number} seconds @returns {Sample} */
function sampleOf(before, now, seconds) {
  const rate = (/** @type {string} */ name) => growth(before, now, name) / Math.max(seconds, 0.001);
  const commit = spread(before, now, 'livetally_commit_seconds', 0.99);
  const live = spread(before, now, 'livetally_live_delay_seconds', 0.99);
  const ms = (/** @type {number | null} */ value) => (value === null ? null : value * 1000);
  return {
    // As long as the page is open it does not go back, also when somebody sets the clock.
    ms: performance.timeOrigin + performance.now(),
    values: {
      stored: rate('livetally_events_total{outcome="stored"}'),
      duplicate: rate('livetally_events_total{outcome="duplicate"}'),
      rejected: rate('livetally_events_total{outcome="rejected"}'),
      ...{ commit: ms(commit.mean), commitHigh: ms(commit.high), live: ms(live.mean), liveHigh: ms(live.high) },
      cache: rate('livetally_query_answers_total{origin="cache"}'),
      store: rate('livetally_query_answers_total{origin="store"}'),
      refused: rate('livetally_answers_total{status="4xx"}'),
      failed: rate('livetally_answers_total{status="5xx"}'),
      parts: now.get('livetally_store_parts') ?? null,
    },
  };
}

/** @param {number | null | undefined} value @returns {string} */
function numberText(value) {
  return value === null || value === undefined ? '–' : whole.format(value);
}

/** @param {number | undefined} bytes @returns {string} */
function bytesText(bytes) {
  if (bytes === undefined) return '–';
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB'];
  const power = Math.min(units.length - 1, bytes > 0 ? Math.floor(Math.log10(bytes) / 3) : 0);
  return `${whole.format(bytes / 1000 ** power)} ${units[power]}`;
}

customElements.define('lt-health', HealthPage);

/**
 * A dashboard: tiles, then charts with their tables, and lists of the largest groups.
 *
 * In the flow: receives a dashboard from the shell and the reader's choices from the address; resolves them once and
 * hands every panel the same.
 * Guarantee: what is shown follows from the address and the data alone; a reload shows the same.
 */

import { html, nothing } from '../vendor/lit/lit-element.js';
import { repeat } from '../vendor/lit/repeat.js';
import { Problem } from '../data/api.js';
import { leadingMetric } from '../data/catalog.js';
import { asNumber } from '../data/exact.js';
import { LiveQuery } from '../data/livequery.js';
import { NO_REACH, measureReach } from '../data/reach.js';
import { Groups } from '../parts/groups.js';
import { Part } from '../parts/part.js';
import '../parts/panel.js';
import '../parts/tile.js';
import '../parts/toolbar.js';
import '../parts/top-list.js';
import { address, timeAxis } from '../services.js';
import { INTERVALS } from '../time/calendar.js';
import { MinuteTurn } from '../time/turn.js';
import { choicesOf, possibleIntervals } from '../view/question.js';
import './first-event.js';

/** @typedef {import('../data/catalog.js').Dashboard} Dashboard */
/** @typedef {import('../data/catalog.js').Panel} Panel */
/** @typedef {import('../view/question.js').Choices} Choices */

export class DashboardPage extends Part {
  static properties = {
    dashboard: { attribute: false },
    example: { attribute: false },
    reach: { state: true },
    problem: { state: true },
    listsReady: { state: true },
  };

  constructor() {
    super();
    /** @type {Dashboard | null} */
    this.dashboard = null;
    /** @type {object} a first event */
    this.example = {};
    /** @type {import('../data/reach.js').DataReach | null} */
    this.reach = null;
    /** @type {Problem | null} */
    this.problem = null;
    /** @type {Choices | null} */
    this.choices = null;
    /** Whether the part that lists entities is loaded; most dashboards do without it. */
    this.listsReady = false;
  }

  /** Counts everything, so that the page knows when the first event arrives. */
  #ever = new LiveQuery(this);
  #groups = new Groups(this);
  #question = '';
  #measuring = false;
  #minute = new MinuteTurn(this, () => this.#onMinute());
  #onAddress = () => this.requestUpdate();

  connectedCallback() {
    super.connectedCallback();
    address.addEventListener('change', this.#onAddress);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    address.removeEventListener('change', this.#onAddress);
  }

  #onMinute() {
    // Events that have begun to arrive may have reached the range that the page is meant to show.
    if (this.choices?.isStopgap) this.#measure();
  }

  /** @param {Map<string, unknown>} updates */
  willUpdate(updates) {
    const { dashboard } = this;
    const metric = dashboard && leadingMetric(dashboard.metrics);
    if (!metric) return;
    if (updates.has('dashboard') && dashboard.panels.some(({ kind }) => kind === 'entities')) this.#loadLists();
    if (updates.has('dashboard') || (this.reach === NO_REACH && !this.#isEmpty())) this.#measure();
    if (!this.reach) return;
    // Asked together with the panels' questions, so that the page opens one stream.
    this.#ever.ask(`metrics/${encodeURIComponent(metric.name)}?tz=UTC`);
    this.choices = choicesOf(address.choices, this.#minute.now, this.reach, dashboard);
    const { range, interval, tz, where } = this.choices;
    const question = JSON.stringify([dashboard.path, range, interval, tz, where]);
    if (question !== this.#question) timeAxis.reset();
    this.#question = question;
  }

  async #loadLists() {
    await import('../parts/entity-panel.js');
    this.listsReady = true;
  }

  async #measure() {
    const metric = this.dashboard && leadingMetric(this.dashboard.metrics);
    if (!metric || this.#measuring) return;
    this.#measuring = true;
    try {
      const { tz } = choicesOf(address.choices, Date.now(), NO_REACH, { range: '', interval: '' });
      this.reach = await measureReach(metric, tz, Date.now());
      this.problem = null;
    } catch (error) {
      // What is on the page already is kept; that the server is away is said beside its name.
      const problem = error instanceof Problem ? error : new Problem(0, { detail: String(error) });
      this.problem = this.reach ? null : problem;
    } finally {
      this.#measuring = false;
    }
  }

  #isEmpty() {
    const view = this.#ever.view;
    if (view?.state !== 'ready') return this.reach === NO_REACH;
    const [row] = view.rows.values();
    return !asNumber(row?.value);
  }

  render() {
    const { dashboard, choices, reach } = this;
    if (!dashboard) return nothing;
    const empty = reach !== null && this.#isEmpty();
    return html`
      <div class="page-head">
        <div class="page-name">
          <h1>${dashboard.title}</h1>
          ${dashboard.description ? html`<p class="quiet">${dashboard.description}</p>` : nothing}
        </div>
        ${choices && reach && !empty ? this.#toolbar(dashboard, choices, reach) : nothing}
      </div>
      ${this.problem ? this.#refused(this.problem) : nothing}
      ${empty ? html`<lt-first-event .example=${this.example}></lt-first-event>` : nothing}
      ${choices && empty ? this.#beginnings(dashboard, choices) : nothing}
      ${choices && !empty ? this.#panels(dashboard, choices) : nothing}
    `;
  }

  /** @param {Problem} problem */
  #refused(problem) {
    return html`<section class="first">
      <h2>${problem.title}</h2>
      <p role="alert">${problem.message}</p>
      <button class="strong" @click=${() => this.#measure()}>Try again</button>
    </section>`;
  }

  /** @param {Dashboard} dashboard @param {Choices} choices @param {import('../data/reach.js').DataReach} reach */
  #toolbar(dashboard, choices, reach) {
    const dimensions = [...new Set(dashboard.metrics.flatMap((metric) => metric.by))];
    return html`<lt-toolbar
      .choices=${choices} .dimensions=${dimensions} .years=${reach.years}
      .intervals=${possibleIntervals(choices, this.#minute.now, reach)}
    ></lt-toolbar>`;
  }

  /** The lists where a button makes the first event. @param {Dashboard} dashboard @param {Choices} choices */
  #beginnings(dashboard, choices) {
    const makers = dashboard.panels.filter(({ entity }) => Object.values(entity?.[1].actions ?? {}).some(({ creates }) => creates));
    return makers.length ? html`<div class="panels">${repeat(makers, keyOf, (panel) => this.#entities(panel, choices))}</div>` : nothing;
  }

  /** @param {Dashboard} dashboard @param {Choices} choices */
  #panels(dashboard, choices) {
    const tiles = dashboard.panels.filter((panel) => panel.kind === 'number');
    const others = dashboard.panels.filter((panel) => panel.kind !== 'number');
    const splits = others.map((panel) => splitOf(panel, choices)).filter((one) => one !== null);
    this.#groups.keepOnly(new Set(splits));
    return html`
      ${tiles.length ? html`<div class="tiles">${repeat(tiles, keyOf, (panel) => this.#tile(panel, choices))}</div>` : nothing}
      <div
        class="panels"
        @zoom=${(/** @type {CustomEvent} */ event) => this.#zoom(event.detail)}
        @filter=${(/** @type {CustomEvent} */ event) => this.#filter(event.detail, choices)}
        @toggle-column=${(/** @type {CustomEvent} */ event) => this.#toggle(event.detail, choices)}
        @show-all=${() => address.choose({ range: 'all', from: null, to: null })}
      >
        ${repeat(others, keyOf, (panel) => this.#panel(panel, choices))}
      </div>
    `;
  }

  /** @param {Panel} panel @param {Choices} choices */
  #tile(panel, choices) {
    const [metric] = panel.metrics;
    if (!metric) return unknown(panel);
    return html`<lt-tile data-metric=${metric.name} .metric=${metric} .name=${panel.title} .choices=${own(panel, choices)}></lt-tile>`;
  }

  /** @param {Panel} panel @param {Choices} choices */
  #panel(panel, choices) {
    const [metric] = panel.metrics;
    if (panel.kind === 'entities') return this.#entities(panel, choices);
    if (!metric || panel.missing.length) return unknown(panel);
    if (panel.kind === 'top') return this.#topList(panel, metric, choices);
    const by = splitOf(panel, choices);
    const groups = by ? this.#groups.of(by, this.#rankingMetric(by, metric), choices) : null;
    return html`<lt-panel
      data-metric=${metric.name} data-width=${panel.width} .metrics=${panel.metrics} .kind=${panel.kind} .name=${panel.title}
      .choices=${own(panel, choices)} .by=${by} .groups=${groups}
    ></lt-panel>`;
  }

  /** Entities are as they are now: the page's range and filters are about events. @param {Panel} panel @param {Choices} choices */
  #entities(panel, { tz }) {
    if (!panel.entity) return unknown(panel);
    if (!this.listsReady) return nothing;
    return html`<lt-entity-panel data-width=${panel.width} .panel=${panel} .tz=${tz}></lt-entity-panel>`;
  }

  /** @param {Panel} panel @param {import('../data/contract.js').Metric} metric @param {Choices} choices */
  #topList(panel, metric, choices) {
    const dimension = panel.by ?? metric.by[0] ?? 'subject';
    const coloured = choices.by === dimension;
    return html`<lt-top-list
      data-metric=${metric.name} data-width=${panel.width} .metric=${metric} .dimension=${dimension} .name=${panel.title}
      .limit=${panel.limit} .choices=${own(panel, choices)}
      .groups=${coloured ? this.#groups.of(dimension, this.#rankingMetric(dimension, metric), choices) : null}
    ></lt-top-list>`;
  }

  /** One metric ranks the groups of the whole page, so that every chart shows the same. @param {string} dimension @param {import('../data/contract.js').Metric} metric */
  #rankingMetric(dimension, metric) {
    return leadingMetric(this.dashboard?.metrics ?? [], dimension) ?? metric;
  }

  /** @param {{ fromMs: number, toMs: number }} stretch */
  #zoom({ fromMs, toMs }) {
    const text = (/** @type {number} */ ms) => new Date(ms).toISOString().replace('.000', '');
    address.choose({ range: null, from: text(fromMs), to: text(toMs), interval: null });
  }

  /** @param {string} filter @param {Choices} choices */
  #filter(filter, { where }) {
    address.choose({ where: [...new Set([...where, filter])] });
  }

  /** @param {string} column @param {Choices} choices */
  #toggle(column, { hidden }) {
    const hide = hidden.includes(column) ? hidden.filter((one) => one !== column) : [...hidden, column];
    address.choose({ hide }, { keep: false });
  }
}

/** @param {Panel} panel */
function keyOf(panel) {
  return panel.key;
}

/** By what a panel is split: the reader's choice where its metric has it, or the definition's. @param {Panel} panel @param {Choices} choices @returns {string | null} */
function splitOf({ kind, metrics, by }, choices) {
  const [metric, ...others] = metrics;
  // Several metrics make several columns already; groups of each could not be told apart.
  if (!metric || others.length) return null;
  if (kind === 'top') return choices.by && choices.by === by ? by : null;
  return choices.by ? (metric.by.includes(choices.by) ? choices.by : null) : by;
}

/** A panel's own filters, and its own interval while the reader has chosen none. @param {Panel} panel @param {Choices} choices @returns {Choices} */
function own({ interval, where }, choices) {
  const declared = choices.intervalChosen ? undefined : INTERVALS.find((one) => one === interval);
  if (!declared && !where.length) return choices;
  return { ...choices, interval: declared ?? choices.interval, where: [...new Set([...choices.where, ...where])] };
}

/** @param {Panel} panel */
function unknown({ kind, title, missing, width }) {
  const reason = kind === 'entities' ? 'No such entity is declared (any more).' : `No metric is called “${missing.join('”, “')}”.`;
  return html`<section class="panel" data-width=${width}>
    <div class="panel-empty"><p role="alert"><strong>${title}</strong> ${reason}</p></div>
  </section>`;
}

customElements.define('lt-dashboard', DashboardPage);

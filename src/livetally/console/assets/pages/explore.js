/**
 * Asks anything: a metric, or an aggregate over an event type, split, filtered and over time; and keeps it.
 *
 * In the flow: receives the definitions from the shell and the question from the address; shows the chart, its table, the
 * same question for other programs, and a way to save it.
 * Guarantee: what is not declared is answered by the server by the rules of what is; the address holds the whole question.
 */

import { html, nothing } from '../vendor/lit/lit-element.js';
import { Problem, addressOf } from '../data/api.js';
import { sentence, titleOf } from '../data/catalog.js';
import { exampleOfType } from '../data/example.js';
import { LiveQuery } from '../data/livequery.js';
import { NO_REACH, measureReach } from '../data/reach.js';
import '../parts/command.js';
import '../parts/filters.js';
import { Groups } from '../parts/groups.js';
import '../parts/panel.js';
import { Part } from '../parts/part.js';
import '../parts/save-metric.js';
import { selectPicker } from '../parts/select-picker.js';
import '../parts/tile.js';
import '../parts/toolbar.js';
import { address, session, timeAxis } from '../services.js';
import { MinuteTurn } from '../time/turn.js';
import { valueOfNothing } from '../view/numbers.js';
import { pathOf } from '../view/paging.js';
import { askedBy, choicesOf, possibleIntervals } from '../view/question.js';
import { commandText, curlText, metricToml, pythonText } from '../view/recipe.js';
import './first-event.js';

/** @typedef {import('../data/contract.js').Metric} Metric */
/** @typedef {import('../data/contract.js').Field} Field */
/** @typedef {import('../view/question.js').Choices} Choices */
/** @typedef {import('../view/recipe.js').Adhoc} Adhoc */

const AGGREGATES = ['count', 'sum', 'avg', 'min', 'max', 'unique', 'latest', 'first', 'p50', 'p90', 'p95', 'p99'];
const NUMERIC = new Set(['integer', 'number', 'decimal']);
const ATTRIBUTES = ['subject', 'source', 'type'];

export class ExplorePage extends Part {
  static properties = { catalog: { attribute: false }, reach: { state: true }, problem: { state: true }, way: { state: true } };

  constructor() {
    super();
    /** @type {import('../data/catalog.js').Catalog | null} */
    this.catalog = null;
    /** @type {import('../data/reach.js').DataReach | null} */
    this.reach = null;
    /** @type {Problem | null} */
    this.problem = null;
    /** Which of the other ways to ask is shown. @type {'curl' | 'cli' | 'python'} */
    this.way = 'curl';
  }

  #groups = new Groups(this);
  /** The whole, so that the page knows when the first event arrives. */
  #ever = new LiveQuery(this);
  #everSeen = 0;
  #measured = '';
  #minute = new MinuteTurn(this);
  #onAddress = () => this.requestUpdate();

  connectedCallback() {
    super.connectedCallback();
    address.addEventListener('change', this.#onAddress);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    address.removeEventListener('change', this.#onAddress);
  }

  willUpdate() {
    const { metric } = this.#asked();
    const asked = metric ? askedBy(metric) : '';
    this.#ever.ask(asked && `${asked}${asked.includes('?') ? '&' : '?'}tz=UTC`);
    const { view, stale } = this.#ever;
    if (metric && this.reach === NO_REACH && view && !stale && view.version !== this.#everSeen) {
      this.#everSeen = view.version;
      this.#measure(metric, asked);
    }
    if (asked === this.#measured) return;
    this.#measured = asked;
    this.reach = null;
    this.#everSeen = 0;
    timeAxis.reset();
    if (metric) this.#measure(metric, asked);
  }

  /** @param {Metric} metric @param {string} asked */
  async #measure(metric, asked) {
    try {
      this.problem = null;
      const { tz } = choicesOf(address.choices, Date.now(), NO_REACH, { range: '', interval: '' });
      const reach = await measureReach(metric, tz, Date.now());
      if (asked === this.#measured) this.reach = reach;
    } catch (error) {
      if (asked === this.#measured) this.problem = error instanceof Problem ? error : new Problem(0, { detail: String(error) });
    }
  }

  /** What the address asks for, or the first that there is. @returns {{ metric: Metric | null, adhoc: Adhoc | null }} */
  #asked() {
    const event = address.choice('event');
    const metrics = this.catalog?.metrics;
    const named = address.choice('metric');
    if (event) return this.#adhoc(event);
    const metric = (named ? metrics?.get(named) : metrics?.values().next().value) ?? null;
    if (metric || named) return { metric, adhoc: null };
    const [first] = this.#events().keys();
    return first ? this.#adhoc(first) : { metric: null, adhoc: null };
  }

  /** @param {string} event @returns {{ metric: Metric, adhoc: Adhoc }} */
  #adhoc(event) {
    const aggregate = AGGREGATES.find((one) => one === address.choice('aggregate')) ?? 'count';
    const possible = this.#values(event, aggregate);
    const value = aggregate === 'count' ? '' : (possible.find((one) => one === address.choice('value')) ?? possible[0] ?? '');
    const asked = pathOf('explore', { event, aggregate, value });
    const title = aggregate === 'count' ? event : `${aggregate} of ${value}, ${event}`;
    return { metric: { name: 'explore', title, aggregate, by: [], asked }, adhoc: { event, aggregate, value } };
  }

  /** @returns {Map<string, Record<string, Field>>} declared event types and their fields */
  #events() {
    const all = (this.catalog?.applications ?? []).flatMap((one) => Object.entries(one.event ?? {}));
    return new Map(all.map(([name, { data = {} }]) => [name, data]));
  }

  /** What an aggregate can be made of, so that a chart can show it. @param {string} event @param {string} aggregate @returns {string[]} */
  #values(event, aggregate) {
    const fields = Object.entries(this.#events().get(event) ?? {});
    if (aggregate === 'unique') return ['subject', 'source', ...fields.map(([name]) => name)];
    return fields.filter(([, { type }]) => NUMERIC.has(type)).map(([name]) => name);
  }

  /** What it can be split and filtered by. @param {Metric} metric @param {Adhoc | null} adhoc @returns {string[]} */
  #dimensions(metric, adhoc) {
    if (metric.ratio) return metric.by;
    const definition = this.catalog?.applications.flatMap((one) => Object.entries(one.metric ?? {})).find(([name]) => name === metric.name)?.[1];
    const events = adhoc ? [adhoc.event] : (definition?.of ?? []).map((term) => term.event);
    const fields = events.flatMap((event) => Object.keys(this.#events().get(event) ?? {}));
    return [...new Set([...metric.by, ...fields, ...ATTRIBUTES])];
  }

  render() {
    const { metric, adhoc } = this.#asked();
    if (!metric) return this.#nothing();
    const { now } = this.#minute;
    const choices = choicesOf(address.choices, now, this.reach ?? NO_REACH, { range: '', interval: '' });
    const dimensions = this.#dimensions(metric, adhoc);
    return html`
      <div class="page-head">
        <div class="page-name"><h1>Explore</h1></div>
        <lt-toolbar bare .choices=${choices} .dimensions=${dimensions} .years=${this.reach?.years ?? []} .intervals=${possibleIntervals(choices, now, this.reach ?? NO_REACH)}></lt-toolbar>
      </div>
      <div class="explore-what" role="group" aria-label="What is asked">
        ${this.#what(metric, adhoc)}
        ${adhoc ? this.#how(adhoc) : nothing}
        <lt-filters adds .where=${choices.where} .fields=${dimensions} .example=${`${dimensions[0] ?? 'subject'}:value`} @choose=${this.#onChoose}></lt-filters>
      </div>
      ${this.problem ? html`<section class="panel"><p role="alert"><strong>${this.problem.title}</strong><br />${this.problem.message}</p></section>` : nothing}
      ${this.reach === NO_REACH ? html`<lt-first-event .example=${this.#example(metric, adhoc)}></lt-first-event>` : nothing}
      ${this.reach && this.reach !== NO_REACH ? this.#answer(metric, adhoc, choices) : nothing}
    `;
  }

  /** An event that the question counts. @param {Metric} metric @param {Adhoc | null} adhoc */
  #example({ name }, adhoc) {
    const applications = this.catalog?.applications ?? [];
    const definition = applications.flatMap((one) => Object.entries(one.metric ?? {})).find(([known]) => known === name)?.[1];
    const type = adhoc?.event ?? definition?.of?.[0]?.event;
    return type ? exampleOfType(applications, type) : (this.catalog?.example ?? {});
  }

  #nothing() {
    const named = address.choice('metric');
    if (!named) return html`<lt-first-event .example=${this.catalog?.example ?? {}}></lt-first-event>`;
    return html`<section class="first"><h1>There is no such metric</h1><p role="alert">No metric is called “${named}” (any more).</p>
      <button class="strong" @click=${() => address.choose({ metric: null })}>Explore another</button></section>`;
  }

  /** @param {Metric} metric @param {Adhoc | null} adhoc */
  #what(metric, adhoc) {
    const value = adhoc ? `event:${adhoc.event}` : `metric:${metric.name}`;
    const metrics = [...(this.catalog?.metrics.values() ?? [])].map((one) => /** @type {[string, string]} */ ([`metric:${one.name}`, titleOf(one)]));
    const names = new Set([...this.#events().keys(), ...(adhoc ? [adhoc.event] : [])]);
    const events = [...names].map((name) => /** @type {[string, string]} */ ([`event:${name}`, `Events: ${name}`]));
    return selectPicker({ title: 'Ask', name: 'what', value, options: [...metrics, ...events] }, (chosen) => {
      const [kind = '', ...rest] = chosen.split(':');
      address.choose({ metric: null, event: null, aggregate: null, value: null, by: null, where: null, hide: null, [kind]: rest.join(':') });
    });
  }

  /** @param {Adhoc} adhoc */
  #how({ event, aggregate, value }) {
    const possible = AGGREGATES.map((one) => /** @type {[string, string, boolean]} */ ([one, one, one === 'count' || this.#values(event, one).length > 0]));
    const values = this.#values(event, aggregate).map((one) => /** @type {[string, string]} */ ([one, one]));
    return html`${selectPicker({ title: 'Aggregate', name: 'aggregate', value: aggregate, options: possible }, (chosen) => address.choose({ event, aggregate: chosen, value: null }))}
      ${aggregate === 'count' ? nothing : selectPicker({ title: 'Of', name: 'value', value, options: values }, (chosen) => address.choose({ event, value: chosen }))}`;
  }

  /** @param {Metric} metric @param {Adhoc | null} adhoc @param {Choices} choices */
  #answer(metric, adhoc, choices) {
    const { by } = choices;
    if (by) this.#groups.keepOnly(new Set([by]));
    else this.#groups.keepOnly(new Set());
    const groups = by ? this.#groups.of(by, metric, choices) : null;
    return html`
      <div class="panels"
        @zoom=${(/** @type {CustomEvent} */ event) => this.#zoom(event.detail)}
        @toggle-column=${(/** @type {CustomEvent} */ event) => this.#toggle(event.detail, choices)}
        @show-all=${() => address.choose({ range: 'all', from: null, to: null })}>
        <lt-panel data-metric=${metric.name} .metrics=${[metric]} .kind=${valueOfNothing(metric) === 0 ? 'bar' : 'line'} .name=${metric.title ? '' : sentence(metric.name)} .choices=${choices} .by=${by} .groups=${groups}></lt-panel>
      </div>
      <div class="explore-more">
        <section class="panel"><h2>The same question elsewhere</h2>${this.#elsewhere(metric, adhoc, choices)}</section>
        ${session.may('admin') ? html`<section class="panel"><h2>${adhoc ? 'Save as a metric' : 'Put on a dashboard'}</h2>
          <lt-save-metric .metric=${metric} .adhoc=${adhoc} .choices=${choices} .catalog=${this.catalog} @saved=${this.#onSaved}></lt-save-metric></section>` : nothing}
      </div>
      ${adhoc ? html`<p class="quiet explore-note">Not declared, so it is counted from the events themselves, live too. Over many events it is faster once it is saved as a metric.</p>` : nothing}
    `;
  }

  /** @param {Metric} metric @param {Adhoc | null} adhoc @param {Choices} choices */
  #elsewhere(metric, adhoc, choices) {
    const server = addressOf('');
    const texts = {
      curl: curlText(`${server}v1/`, metric, choices),
      cli: adhoc ? `# Once it is saved, here as NAME:\n${commandText({ ...metric, name: 'NAME' }, { ...choices, where: [] })}` : commandText(metric, choices),
      python: adhoc ? `# Once it is saved, here as NAME:\n${pythonText(server, { ...metric, name: 'NAME' }, { ...choices, where: [] })}` : pythonText(server, metric, choices),
      ...(adhoc ? { toml: metricToml('NAME', '', adhoc, choices.where, choices.by) } : {}),
    };
    const titles = { curl: 'curl', cli: 'Command line', python: 'Python', toml: 'Definition' };
    const ways = /** @type {(keyof typeof titles)[]} */ (Object.keys(texts));
    return html`<div class="tabs tabs-small" role="group" aria-label="Ways to ask">
        ${ways.map((one) => html`<button aria-pressed=${one === this.way} @click=${() => (this.way = /** @type {any} */ (one))}>${titles[one]}</button>`)}
      </div>
      <lt-command label=${titles[this.way]} .text=${texts[this.way] ?? texts.curl}></lt-command>`;
  }

  /** @param {CustomEvent<string>} event the name of a new metric; empty when only a dashboard changed */
  #onSaved({ detail: name }) {
    if (name) address.choose({ event: null, aggregate: null, value: null, where: null, metric: name });
  }

  /** @param {CustomEvent<Record<string, string[]>>} event */
  #onChoose({ detail }) {
    address.choose(detail);
  }

  /** @param {{ fromMs: number, toMs: number }} stretch */
  #zoom({ fromMs, toMs }) {
    const text = (/** @type {number} */ ms) => new Date(ms).toISOString().replace('.000', '');
    address.choose({ range: null, from: text(fromMs), to: text(toMs), interval: null });
  }

  /** @param {string} column @param {Choices} choices */
  #toggle(column, { hidden }) {
    const hide = hidden.includes(column) ? hidden.filter((one) => one !== column) : [...hidden, column];
    address.choose({ hide }, { keep: false });
  }
}

customElements.define('lt-explore', ExplorePage);

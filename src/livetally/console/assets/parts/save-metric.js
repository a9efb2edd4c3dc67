/**
 * Keeps what was explored: as a metric, on a dashboard, or both, by a change of a definition.
 *
 * In the flow: receives the question from the page; asks for the definition it belongs into; hands the changed text to
 * `parts/plan.js`, which shows what that means and applies it.
 * Guarantee: the text that was there stays as it is, comments and all; lines are added at its end.
 */

import { html, nothing } from '../vendor/lit/lit-element.js';
import { getText } from '../data/api.js';
import { isAdditive } from '../view/numbers.js';
import { metricToml, panelToml } from '../view/recipe.js';
import { Part, uniqueId } from './part.js';
import './command.js';
import './plan.js';

/** @typedef {import('../data/contract.js').Application} Application */
/** @typedef {import('../data/contract.js').Metric} Metric */

/** Where metrics over events that nobody declares are kept. */
const OWN = 'explore';

export class SaveMetric extends Part {
  static properties = { metric: { attribute: false }, adhoc: { attribute: false }, choices: { attribute: false }, catalog: { attribute: false }, name: { state: true }, title: { state: true }, dashboard: { state: true }, applied: { state: true } };

  constructor() {
    super();
    /** @type {Metric | null} */
    this.metric = null;
    /** @type {import('../view/recipe.js').Adhoc | null} null of a declared metric */
    this.adhoc = null;
    /** @type {import('../view/question.js').Choices | null} */
    this.choices = null;
    /** @type {import('../data/catalog.js').Catalog | null} */
    this.catalog = null;
    this.name = '';
    this.title = '';
    this.dashboard = '';
    /** @type {string | null} the definition as it is applied; null while it is awaited */
    this.applied = null;
  }

  #id = uniqueId('save');
  #asked = '';

  willUpdate() {
    const name = this.#application();
    if (name === this.#asked) return;
    this.#asked = name;
    this.applied = null;
    this.#read(name);
  }

  /** The application that the lines belong into. */
  #application() {
    const applications = this.catalog?.applications ?? [];
    if (!this.adhoc) return this.metric?.application ?? OWN;
    return applications.find((one) => one.event && this.adhoc && this.adhoc.event in one.event)?.name ?? OWN;
  }

  /** @param {string} name */
  async #read(name) {
    const exists = this.catalog?.applications.some((one) => one.name === name);
    try {
      const text = exists ? await getText(`v1/definitions/${encodeURIComponent(name)}`, 'application/toml') : '';
      if (name === this.#asked) this.applied = text;
    } catch {
      this.#asked = ''; // Asked again with the next change.
    }
  }

  render() {
    const { adhoc } = this;
    const dashboards = Object.entries(this.catalog?.applications.find((one) => one.name === this.#application())?.dashboard ?? {});
    const lines = this.#lines();
    return html`<form class="key-form save-form" @submit=${(/** @type {Event} */ event) => event.preventDefault()}>
        ${adhoc
          ? html`<label for="${this.#id}-name">Name, as it is asked for</label>
              <input id="${this.#id}-name" .value=${this.name} @input=${this.#onName} autocomplete="off" spellcheck="false" autocapitalize="off" placeholder="such as phone_orders" />
              <label for="${this.#id}-title">Title, for people</label>
              <input id="${this.#id}-title" .value=${this.title} @input=${this.#onTitle} autocomplete="off" placeholder="such as Orders by phone" />`
          : nothing}
        <label for="${this.#id}-dashboard">Dashboard</label>
        <select id="${this.#id}-dashboard" .value=${this.dashboard} @change=${this.#onDashboard}>
          <option value="">${adhoc ? 'On none; it is under All metrics' : 'Choose one'}</option>
          ${dashboards.map(([name, one]) => html`<option value=${name} ?selected=${name === this.dashboard}>${one.title || name}</option>`)}
          <option value="new" ?selected=${this.dashboard === 'new'}>A new one, called Explored</option>
        </select>
      </form>
      ${lines ? this.#plan(lines) : nothing}`;
  }

  /** @param {string} lines */
  #plan(lines) {
    const { applied } = this;
    const shown = html`<lt-command label="Lines of the definition" .text=${lines.trim()}></lt-command>`;
    if (applied === null) return shown;
    if (applied.startsWith('{')) return html`${shown}<p class="quiet">The definition was applied as JSON, so these lines have to be added to it by hand.</p>`;
    const text = `${applied || `application = "${this.#application()}"\n`}${applied.endsWith('\n') || !applied ? '' : '\n'}\n${lines}`;
    return html`${shown}<lt-plan .text=${text} .applied=${applied} @applied=${this.#onApplied}></lt-plan>`;
  }

  /** The lines to add; empty while there is nothing to add. */
  #lines() {
    const { metric, adhoc, choices, dashboard } = this;
    if (!metric || !choices || (adhoc && !this.name) || (!adhoc && !dashboard)) return '';
    const declared = adhoc ? metricToml(this.name, this.title, adhoc, choices.where, choices.by) : '';
    if (!dashboard) return declared;
    const kind = isAdditive(metric) ? 'bar' : 'line';
    const panel = panelToml(dashboard === 'new' ? 'explored' : dashboard, { metric: adhoc ? this.name : metric.name, kind, by: choices.by, where: adhoc ? [] : choices.where });
    const head = dashboard === 'new' ? '[dashboard.explored]\ntitle = "Explored"\n' : '';
    return [declared, `${head}${panel}`].filter(Boolean).join('\n');
  }

  /** @param {Event} event */
  #onName(event) {
    this.name = /** @type {HTMLInputElement} */ (event.target).value.trim().replace(/[^\w-]+/g, '_');
  }

  /** @param {Event} event */
  #onTitle(event) {
    this.title = /** @type {HTMLInputElement} */ (event.target).value.trim();
  }

  /** @param {Event} event */
  #onDashboard(event) {
    this.dashboard = /** @type {HTMLSelectElement} */ (event.target).value;
  }

  #onApplied() {
    const { adhoc, name } = this;
    this.name = '';
    this.title = '';
    this.dashboard = '';
    this.#asked = '';
    this.dispatchEvent(new CustomEvent('saved', { detail: adhoc ? name : '', bubbles: true }));
    this.dispatchEvent(new CustomEvent('definitions-changed', { bubbles: true }));
  }
}

customElements.define('lt-save-metric', SaveMetric);

/**
 * The four choices of a page in one row: range, interval, split and zone; and the filters in force.
 *
 * In the flow: receives the reader's choices from the dashboard, writes new ones to the address.
 * Guarantee: a choice that is the page's own suggestion is not in the address, and says that it is one.
 */

import { html, nothing } from '../vendor/lit/lit-element.js';
import { live } from '../vendor/lit/live.js';
import { address } from '../services.js';
import { INTERVALS } from '../time/calendar.js';
import { Part } from './part.js';
import './range-picker.js';
import './zone-picker.js';

/** @typedef {import('../view/question.js').Choices} Choices */

export class Toolbar extends Part {
  static properties = {
    choices: { attribute: false },
    dimensions: { attribute: false },
    intervals: { attribute: false },
    years: { attribute: false },
  };

  constructor() {
    super();
    /** @type {Choices | null} */
    this.choices = null;
    /** @type {string[]} */
    this.dimensions = [];
    /** @type {string[]} that make a usable number of buckets */
    this.intervals = [];
    /** @type {number[]} */
    this.years = [];
  }

  render() {
    const { choices } = this;
    if (!choices) return nothing;
    return html`
      <div class="toolbar" role="group" aria-label="What is shown" @choose=${this.#onChoose}>
        <lt-range-picker .choices=${choices} .years=${this.years}></lt-range-picker>
        ${this.#select('Interval', 'interval', choices.intervalChosen ? choices.interval : '', this.#intervalOptions(choices))}
        ${this.dimensions.length ? this.#select('Split by', 'by', choices.by ?? '', this.#splitOptions()) : nothing}
        <lt-zone-picker .tz=${choices.tz}></lt-zone-picker>
      </div>
      ${choices.where.length ? html`<ul class="filters" aria-label="Filters">${choices.where.map((one) => this.#filter(one, choices))}</ul>` : nothing}
    `;
  }

  /** @param {Choices} choices @returns {[string, string, boolean][]} value, title, possible */
  #intervalOptions({ interval, intervalChosen }) {
    const auto = intervalChosen ? 'Auto' : `Auto: ${interval}`;
    return [['', auto, true], ...INTERVALS.map((one) => /** @type {[string, string, boolean]} */ ([one, one.charAt(0).toUpperCase() + one.slice(1), this.intervals.includes(one)]))];
  }

  /** @returns {[string, string, boolean][]} */
  #splitOptions() {
    return [['', 'Nothing', true], ...this.dimensions.map((one) => /** @type {[string, string, boolean]} */ ([one, one, true]))];
  }

  /** @param {string} title @param {string} name @param {string} value @param {[string, string, boolean][]} options */
  #select(title, name, value, options) {
    return html`<label class="picker">
      <span class="picker-name">${title}</span>
      <select data-picker=${name} .value=${live(value)} @change=${(/** @type {Event} */ event) => this.#onSelect(name, event)}>
        ${options.map(([one, text, possible]) => html`<option value=${one} ?selected=${one === value} ?disabled=${!possible}>${text}</option>`)}
      </select>
    </label>`;
  }

  /** @param {string} filter @param {Choices} choices */
  #filter(filter, { where }) {
    const [field, ...rest] = filter.split(':');
    const others = where.filter((one) => one !== filter);
    return html`<li>
      <button class="filter" title="Remove this filter" @click=${() => address.choose({ where: others })}>
        <span class="quiet">${field}</span> ${rest.join(':')} <span aria-hidden="true">×</span><span class="unseen">, remove</span>
      </button>
    </li>`;
  }

  /** @param {string} name @param {Event} event */
  #onSelect(name, event) {
    const { value } = /** @type {HTMLSelectElement} */ (event.target);
    address.choose({ [name]: value || null, ...(name === 'by' ? { hide: null } : {}) });
  }

  /** @param {CustomEvent<Record<string, string | null>>} event */
  #onChoose(event) {
    address.choose(event.detail);
  }
}

customElements.define('lt-toolbar', Toolbar);

/**
 * The four choices of a page in one row: range, interval, split and zone; and the filters in force.
 *
 * In the flow: receives the reader's choices from the dashboard, writes new ones to the address.
 * Guarantee: a choice that is the page's own suggestion is not in the address, and says that it is one.
 */

import { html, nothing } from '../vendor/lit/lit-element.js';
import { address } from '../services.js';
import { INTERVALS } from '../time/calendar.js';
import { Part } from './part.js';
import './filter-picker.js';
import './filters.js';
import './range-picker.js';
import { selectPicker } from './select-picker.js';
import './zone-picker.js';

/** @typedef {import('../view/question.js').Choices} Choices */

export class Toolbar extends Part {
  static properties = {
    choices: { attribute: false },
    dimensions: { attribute: false },
    intervals: { attribute: false },
    years: { attribute: false },
    bare: { type: Boolean },
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
    /** Whether the page shows the filters itself. */
    this.bare = false;
  }

  render() {
    const { choices } = this;
    if (!choices) return nothing;
    return html`
      <div class="toolbar" role="group" aria-label="What is shown" @choose=${this.#onChoose}>
        <lt-range-picker .choices=${choices} .years=${this.years}></lt-range-picker>
        ${this.#select('Interval', 'interval', choices.intervalChosen ? choices.interval : '', this.#intervalOptions(choices))}
        ${this.dimensions.length ? this.#select('Split by', 'by', choices.by ?? '', this.#splitOptions()) : nothing}
        ${this.bare || !this.dimensions.length ? nothing : html`<lt-filter-picker .fields=${this.dimensions} .where=${choices.where}></lt-filter-picker>`}
        <lt-zone-picker .tz=${choices.tz}></lt-zone-picker>
      </div>
      ${this.bare ? nothing : html`<lt-filters .where=${choices.where} @choose=${this.#onChoose}></lt-filters>`}
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
    return selectPicker({ title, name, value, options }, (chosen) =>
      address.choose({ [name]: chosen || null, ...(name === 'by' ? { hide: null } : {}) }),
    );
  }

  /** @param {CustomEvent<Record<string, string | null>>} event */
  #onChoose(event) {
    address.choose(event.detail);
  }
}

customElements.define('lt-toolbar', Toolbar);

/**
 * Chooses the stretch of time: a named range, a year that has data, or from one day to another.
 *
 * In the flow: receives the present choice from the toolbar, hands it a new one (`choose` event).
 * Guarantee: the last day that is shown in the form is part of the range; the address holds the exclusive end.
 */

import { html, nothing } from '../vendor/lit/lit-element.js';
import { dateText } from '../time/calendar.js';
import { PRESETS, rangeTitle, shiftDate } from '../time/ranges.js';
import { rangeText } from '../time/words.js';
import { openBeside } from '../view/popover.js';
import { Part } from './part.js';

/** Years that are offered as one click each. */
const YEARS_MAX = 8;

export class RangePicker extends Part {
  static properties = { choices: { attribute: false }, years: { attribute: false }, problem: { state: true } };

  constructor() {
    super();
    /** @type {import('../view/question.js').Choices | null} */
    this.choices = null;
    /** @type {number[]} that have data, newest first */
    this.years = [];
    this.problem = '';
  }

  render() {
    const { choices } = this;
    if (!choices) return nothing;
    const { range, tz, words } = choices;
    const title = rangeTitle(words) || rangeText(range.fromMs, range.toMs, tz);
    return html`
      <button class="picker" aria-haspopup="dialog" aria-expanded="false" data-picker="range" @click=${this.#open}>
        <span class="picker-name">Range</span><span class="picker-value">${title}</span>
      </button>
      <div popover class="sheet range-sheet" role="dialog" aria-label="Range" @toggle=${this.#onToggle}>
        <ul class="choices">
          ${PRESETS.map((one) => html`<li>${this.#button(one.title, one.title === title, { range: one.name, from: null, to: null })}</li>`)}
        </ul>
        <div class="range-days">
          ${this.years.length ? html`<p class="label">Years with data</p><div class="years">${this.years.slice(0, YEARS_MAX).map((year) => this.#year(year))}</div>` : nothing}
          ${this.#form()}
        </div>
      </div>
    `;
  }

  /** @param {string} title @param {boolean} chosen @param {Record<string, string | null>} change */
  #button(title, chosen, change) {
    return html`<button class="choice" aria-pressed=${chosen} @click=${() => this.#choose(change)}>${title}</button>`;
  }

  /** @param {number} year */
  #year(year) {
    const from = `${String(year).padStart(4, '0')}-01-01`;
    const to = `${String(year + 1).padStart(4, '0')}-01-01`;
    const { range } = /** @type {import('../view/question.js').Choices} */ (this.choices);
    return this.#button(String(year), range.from === from && range.to === to, { range: null, from, to });
  }

  #form() {
    const { range, tz } = /** @type {import('../view/question.js').Choices} */ (this.choices);
    const from = range.fromMs === null ? '' : dateText(range.fromMs, tz);
    const to = dateText(range.toMs === null ? Date.now() : range.toMs - 1, tz);
    return html`<form class="days" @submit=${this.#onSubmit} novalidate>
      <label><span class="label">First day</span><input type="date" name="from" .value=${from} /></label>
      <label><span class="label">Last day</span><input type="date" name="to" .value=${to} /></label>
      ${this.problem ? html`<p class="problem" role="alert">${this.problem}</p>` : nothing}
      <button class="strong">Show these days</button>
    </form>`;
  }

  /** @param {SubmitEvent} event */
  #onSubmit(event) {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
    const from = String(form.get('from') ?? '');
    const last = String(form.get('to') ?? '');
    if (!from && !last) this.problem = 'Choose a first or a last day.';
    else if (from && last && from > last) this.problem = 'The first day is after the last.';
    else this.#choose({ range: null, from: from || null, to: last ? shiftDate(last, 1) : null });
  }

  /** @param {Record<string, string | null>} change */
  #choose(change) {
    this.problem = '';
    /** @type {HTMLElement | null} */ (this.querySelector('[popover]'))?.hidePopover();
    this.dispatchEvent(new CustomEvent('choose', { detail: change, bubbles: true }));
  }

  /** @param {MouseEvent} event */
  #open(event) {
    const sheet = /** @type {HTMLElement} */ (this.querySelector('[popover]'));
    openBeside(/** @type {HTMLElement} */ (event.currentTarget), sheet);
    /** @type {HTMLElement | null} */ (sheet.querySelector('[aria-pressed="true"]') ?? sheet.querySelector('button'))?.focus();
  }

  /** @param {ToggleEvent} event */
  #onToggle(event) {
    this.querySelector('.picker')?.setAttribute('aria-expanded', String(event.newState === 'open'));
  }
}

customElements.define('lt-range-picker', RangePicker);

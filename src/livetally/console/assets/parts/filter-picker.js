/**
 * Chooses a filter for the whole page: a field and the value that it must have.
 *
 * In the flow: receives the fields and the filters in force from the toolbar, hands it the filters that are wanted
 * (`choose` event).
 * Guarantee: what is typed is one value, whatever is in it; the server decides whether the field can have it.
 */

import { html, nothing } from '../vendor/lit/lit-element.js';
import { openBeside } from '../view/popover.js';
import { Part, uniqueId } from './part.js';

/** Letters that would end a value or begin a comparison. */
const SPECIAL = /^[<>=!]|\.\.|[,"*]/;

export class FilterPicker extends Part {
  static properties = { fields: { attribute: false }, where: { attribute: false } };

  constructor() {
    super();
    /** @type {readonly string[]} */
    this.fields = [];
    /** @type {readonly string[]} as `field:value` */
    this.where = [];
  }

  #id = uniqueId('filter-by');

  render() {
    const count = this.where.length;
    return html`
      <button class="picker" aria-haspopup="dialog" aria-expanded="false" data-picker="filter" @click=${this.#open}>
        <span class="picker-name">Filter</span><span class="picker-value">${count ? `${count} in force` : 'None'}</span>
      </button>
      <div popover class="sheet" role="dialog" aria-label="Filter" @toggle=${this.#onToggle}>
        <form class="days" @submit=${this.#onSubmit} novalidate>
          <label for="${this.#id}-field">Only where</label>
          <select id="${this.#id}-field" name="field">${this.fields.map((one) => html`<option>${one}</option>`)}</select>
          <label for="${this.#id}-value">is</label>
          <input id="${this.#id}-value" name="value" autocomplete="off" spellcheck="false" autocapitalize="off" />
          <button class="strong">Show only these</button>
        </form>
        ${count ? html`<button class="plain" @click=${() => this.#choose([])}>${count === 1 ? 'Take the filter away' : `Take all ${count} away`}</button>` : nothing}
      </div>
    `;
  }

  /** @param {SubmitEvent} event */
  #onSubmit(event) {
    event.preventDefault();
    const target = /** @type {HTMLFormElement} */ (event.target);
    const form = new FormData(target);
    const value = String(form.get('value') ?? '').trim();
    if (!value) return /** @type {HTMLElement | null} */ (target.querySelector('input'))?.focus();
    target.reset();
    const written = SPECIAL.test(value) ? JSON.stringify(value) : value;
    this.#choose([...new Set([...this.where, `${form.get('field')}:${written}`])]);
  }

  /** @param {string[]} where */
  #choose(where) {
    /** @type {HTMLElement | null} */ (this.querySelector('[popover]'))?.hidePopover();
    this.dispatchEvent(new CustomEvent('choose', { detail: { where }, bubbles: true }));
  }

  /** @param {MouseEvent} event */
  #open(event) {
    const sheet = /** @type {HTMLElement} */ (this.querySelector('[popover]'));
    openBeside(/** @type {HTMLElement} */ (event.currentTarget), sheet);
    sheet.querySelector('select')?.focus();
  }

  /** @param {ToggleEvent} event */
  #onToggle(event) {
    this.querySelector('.picker')?.setAttribute('aria-expanded', String(event.newState === 'open'));
  }
}

customElements.define('lt-filter-picker', FilterPicker);

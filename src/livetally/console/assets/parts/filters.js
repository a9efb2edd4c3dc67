/**
 * The filters in force, each with a way to remove it, and a field for another one.
 *
 * In the flow: receives filters from a page or the toolbar, hands back the new list (`choose` event).
 * Guarantee: what the server says of a filter that it can't take stands beside the filters.
 */

import { html, nothing } from '../vendor/lit/lit-element.js';
import { Part, uniqueId } from './part.js';

export class Filters extends Part {
  static properties = {
    where: { attribute: false },
    fields: { attribute: false },
    example: {},
    problem: {},
    adds: { type: Boolean },
  };

  constructor() {
    super();
    /** @type {readonly string[]} as `field:value` */
    this.where = [];
    /** @type {readonly string[]} names that are offered */
    this.fields = [];
    this.example = '';
    this.problem = '';
    this.adds = false;
  }

  #id = uniqueId('filter');

  render() {
    if (!this.adds && !this.where.length) return nothing;
    return html`<div class="filter-row">
      ${this.adds ? this.#form() : nothing}
      ${this.where.length ? html`<ul class="filters" aria-label="Filters">${this.where.map((one) => this.#filter(one))}</ul>` : nothing}
      ${this.problem ? html`<p class="problem" role="alert">${this.problem}</p>` : nothing}
    </div>`;
  }

  #form() {
    return html`<form class="filter-form" @submit=${this.#onSubmit} novalidate>
      <label class="unseen" for=${this.#id}>Add a filter</label>
      <input
        id=${this.#id} list="${this.#id}-fields" autocomplete="off" spellcheck="false" autocapitalize="off"
        placeholder=${this.example ? `Filter, such as ${this.example}` : 'Filter'}
      />
      <datalist id="${this.#id}-fields">${this.fields.map((one) => html`<option value="${one}:"></option>`)}</datalist>
      <button class="plain">Add</button>
    </form>`;
  }

  /** @param {string} filter */
  #filter(filter) {
    const [field, ...rest] = filter.split(':');
    return html`<li>
      <button class="filter" title="Remove this filter" @click=${() => this.#say(this.where.filter((one) => one !== filter))}>
        <span class="quiet">${field}</span> ${rest.join(':')} <span aria-hidden="true">×</span><span class="unseen">, remove</span>
      </button>
    </li>`;
  }

  /** @param {SubmitEvent} event */
  #onSubmit(event) {
    event.preventDefault();
    const input = /** @type {HTMLInputElement} */ (this.querySelector('input'));
    const text = input.value.trim();
    if (!text) return;
    input.value = '';
    this.#say([...new Set([...this.where, text])]);
  }

  /** @param {string[]} where */
  #say(where) {
    this.dispatchEvent(new CustomEvent('choose', { detail: { where }, bubbles: true }));
  }
}

customElements.define('lt-filters', Filters);

/**
 * A table of things: events, entities, keys; a column may sort, a row may open, what changes lights up once.
 *
 * In the flow: receives columns and rows from a page, hands it the column to sort by (`sort` event) and the row to open
 * (`open` event).
 * Guarantee: a cell lights up only when its text has changed while the question stayed the same; on a narrow screen
 * each row is a card that says what each value is; arrow keys go from row to row.
 */

import { html, nothing } from '../vendor/lit/lit-element.js';
import { repeat } from '../vendor/lit/repeat.js';
import { Part, flash } from './part.js';

/**
 * @typedef {object} Column
 * @property {string} name
 * @property {string} title
 * @property {string} [unit]
 * @property {boolean} [isNumber]
 * @property {boolean} [sorts]
 * @property {boolean} [isMinor] not shown where there is little room
 * @property {boolean} [isLong] takes what room there is, and is cut
 * @property {(row: any) => string} text what is compared, and shown unless `cell` says otherwise
 * @property {(row: any) => unknown} [cell]
 */

export class Grid extends Part {
  static properties = {
    columns: { attribute: false },
    rows: { attribute: false },
    keyOf: { attribute: false },
    sort: {},
    opened: {},
    opens: { type: Boolean },
    label: {},
    question: {},
  };

  constructor() {
    super();
    /** @type {Column[]} */
    this.columns = [];
    /** @type {readonly any[]} */
    this.rows = [];
    /** @type {(row: any) => string} */
    this.keyOf = (row) => row.key;
    /** A column's name, with `-` in front for largest first. */
    this.sort = '';
    /** The key of the row that is open. */
    this.opened = '';
    this.opens = false;
    this.label = '';
    /** While this stays the same, other rows and texts are news. */
    this.question = '';
  }

  /** @type {Map<string, string[]>} texts of the rows' cells, by key */
  #shown = new Map();
  #question = '';

  render() {
    return html`<div class="grid-scroll" tabindex="0" role="region" aria-label=${this.label}>
      <table class="grid" role="table" aria-label=${this.label}>
        <thead role="rowgroup"><tr role="row">${this.columns.map((column) => this.#head(column))}</tr></thead>
        <tbody role="rowgroup" @keydown=${this.#onKey}>
          ${repeat(this.rows, this.keyOf, (row) => this.#row(row))}
        </tbody>
      </table>
    </div>`;
  }

  /** @param {Column} column */
  #head(column) {
    const { name, title, unit, sorts } = column;
    const words = html`${title}${unit ? html` <span class="unit">${unit}</span>` : nothing}`;
    if (!sorts) return html`<th scope="col" role="columnheader" class=${classOf(column)} data-column=${name}>${words}</th>`;
    const order = this.sort === name ? 'ascending' : this.sort === `-${name}` ? 'descending' : 'none';
    return html`<th scope="col" role="columnheader" class=${classOf(column)} data-column=${name} aria-sort=${order}>
      <button class="grid-sort" data-sort=${name} @click=${() => this.#say('sort', order === 'descending' ? name : `-${name}`)}>${words}</button>
    </th>`;
  }

  /** @param {any} row */
  #row(row) {
    const key = this.keyOf(row);
    return html`<tr role="row" data-key=${key} data-opened=${key === this.opened} data-opens=${this.opens} @click=${(/** @type {MouseEvent} */ event) => this.#onClick(event, key)}>
      ${this.columns.map((column, at) => this.#cell(column, row, at))}
    </tr>`;
  }

  /** @param {Column} column @param {any} row @param {number} at */
  #cell(column, row, at) {
    const content = column.cell ? column.cell(row) : column.text(row);
    if (at > 0) return html`<td role="cell" class=${classOf(column)} data-title=${column.title} data-column=${column.name}><span class="grid-value">${content}</span></td>`;
    const open = html`<button class="grid-open" aria-expanded=${this.keyOf(row) === this.opened}>${content}</button>`;
    return html`<th scope="row" role="rowheader" class=${classOf(column)} data-column=${column.name}>${this.opens ? open : html`<span class="grid-value">${content}</span>`}</th>`;
  }

  /** @param {MouseEvent} event @param {string} key */
  #onClick(event, key) {
    const target = /** @type {HTMLElement} */ (event.target);
    // Who marks a text to copy it, or presses another button, does not want the row.
    if (!this.opens || getSelection()?.toString() || target.closest('a, button:not(.grid-open), input, select')) return;
    this.#say('open', key);
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const steps = /** @type {Record<string, number>} */ ({ ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 });
    const step = steps[event.key];
    const target = /** @type {HTMLElement} */ (event.target);
    if (!step || !target.matches('.grid-open')) return;
    const all = Array.from(this.querySelectorAll('.grid-open'));
    const next = /** @type {HTMLElement | undefined} */ (all[all.indexOf(target) + step]);
    next?.focus();
    event.preventDefault();
  }

  /** @param {string} kind @param {string} detail */
  #say(kind, detail) {
    this.dispatchEvent(new CustomEvent(kind, { detail, bubbles: true }));
  }

  updated() {
    const before = this.#shown;
    const isNews = this.question === this.#question && before.size > 0;
    this.#question = this.question;
    this.#shown = new Map(this.rows.map((row) => [this.keyOf(row), this.columns.map((column) => column.text(row))]));
    if (!isNews) return;
    for (const [key, texts] of this.#shown) this.#light(key, before.get(key), texts);
  }

  /** @param {string} key @param {string[] | undefined} before @param {string[]} now */
  #light(key, before, now) {
    if (before && before.every((text, at) => text === now[at])) return;
    const row = this.querySelector(`tr[data-key="${CSS.escape(key)}"]`);
    if (!before) flash(row);
    else this.columns.forEach((_, at) => before[at] !== now[at] && flash(row?.children[at]));
  }
}

/** @param {Column} column */
function classOf({ isNumber, isMinor, isLong }) {
  return [isNumber && 'number', isMinor && 'minor', isLong && 'long'].filter(Boolean).join(' ') || nothing;
}

customElements.define('lt-grid', Grid);

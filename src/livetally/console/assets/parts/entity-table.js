/**
 * Entities as a table, with what can be done to each: on its own page and on dashboards.
 *
 * In the flow: receives an entity's definition and which of them to show; asks for them; sends actions through
 * `data/acting.js`; hands the page the column to sort by (`sort` event) and the one to open (`open` event).
 * Guarantee: a button is there exactly when the state allows the action; what happens after a press is said in the row.
 */

import { html, nothing } from '../vendor/lit/lit-element.js';
import { Acting, parametersOf } from '../data/acting.js';
import { sentence } from '../data/catalog.js';
import { LiveList } from '../data/livelist.js';
import { lineText } from '../data/whole.js';
import { session } from '../services.js';
import { instantText } from '../time/words.js';
import { pathOf } from '../view/paging.js';
import { givenIn, inputs } from './creating.js';
import './grid.js';
import { listWords } from './pager.js';
import { Part, uniqueId } from './part.js';

/** @typedef {import('../data/contract.js').Entity} Entity */
/** @typedef {import('../data/contract.js').EntityState} EntityState */
/** @typedef {import('./grid.js').Column} Column */

const ROWS = 50;
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;
const exact = new Intl.NumberFormat(undefined, { maximumFractionDigits: 18 });

export class EntityTable extends Part {
  static properties = {
    name: {},
    entity: { attribute: false },
    where: { attribute: false },
    sort: {},
    cursor: {},
    limit: { attribute: false },
    tz: {},
    opened: {},
    opens: { type: Boolean },
    asking: { state: true },
  };

  constructor() {
    super();
    this.name = '';
    /** @type {Entity} */
    this.entity = { key: 'subject', events: [] };
    /** @type {readonly string[]} */
    this.where = [];
    this.sort = '';
    this.cursor = '';
    this.limit = ROWS;
    this.tz = 'UTC';
    this.opened = '';
    this.opens = false;
    /** @type {{ key: string, action: string } | null} the action whose parameters are being asked for */
    this.asking = null;
  }

  /** @type {LiveList<EntityState>} */
  list = new LiveList(this, 'entities');
  #acting = new Acting(this);
  #id = uniqueId('action');

  willUpdate() {
    const { name, where, sort, limit } = this;
    this.list.ask(name && pathOf(`entities/${encodeURIComponent(name)}`, { where, sort, limit }), this.cursor || null);
    this.dataset.state = this.list.rows ? 'ready' : this.list.page.state;
    this.dataset.stale = String(this.list.page.stale && this.list.rows !== null);
    this.dataset.live = String(this.list.isLive);
  }

  render() {
    const { page, rows } = this.list;
    if (page.problem && !rows) return listWords(html`<strong>${page.problem.title}</strong><br />${page.problem.message}`, true);
    if (!rows) return listWords(html`<p class="quiet">Reading…</p>`);
    const creating = html`<lt-creating .name=${this.name} .entity=${this.entity} .rows=${rows} @acted=${() => this.list.page.reload()}></lt-creating>`;
    if (!rows.length) return html`${creating}${listWords(html`<p>${this.where.length ? 'None is like this.' : 'None yet.'}</p>`)}`;
    return html`${creating}<lt-grid
      .label=${this.entity.title || this.name} ?opens=${this.opens} .columns=${this.#columns()} .rows=${rows.map((one) => this.#acting.shown(one))}
      .sort=${this.#sortedBy()} .opened=${this.opened} .question=${page.answered}
    ></lt-grid>`;
  }

  #told = '';

  updated() {
    // The page shows the way to the next page, which only this part knows.
    const told = `${this.list.page.answered} ${this.list.next} ${this.list.hasNext(this.limit)}`;
    if (told !== this.#told) this.dispatchEvent(new CustomEvent('list', { bubbles: true }));
    this.#told = told;
  }

  /** The state of one entity as it is on the page. @param {string} key @returns {EntityState | null} */
  find(key) {
    const found = this.list.rows?.find((one) => one.key === key);
    return found ? this.#acting.shown(found) : null;
  }

  #sortedBy() {
    const { sort = '' } = this.entity;
    return this.sort || sort || 'key';
  }

  /** @returns {Column[]} */
  #columns() {
    const { title_field: names = '', fields = {}, actions = {} } = this.entity;
    const others = Object.entries(fields).filter(([field]) => field !== names);
    /** @type {Column} */
    const key = { name: 'key', title: names ? 'Key' : sentence(this.name), sorts: true, text: (/** @type {EntityState} */ one) => one.key };
    const title = fields[names];
    return [
      ...(title ? [this.#fieldColumn(names, title), key] : [key]),
      ...others.map(([field, { title: words, unit }]) => this.#fieldColumn(field, { title: words, unit })),
      ...(Object.values(actions).some(({ creates }) => !creates) ? [this.#actionColumn()] : []),
    ];
  }

  /** @param {string} field @param {{ title?: string, unit?: string }} words @returns {Column} */
  #fieldColumn(field, { title, unit }) {
    const isNumber = (this.list.rows ?? []).some((one) => typeof one.fields[field] === 'number' || typeof one.fields[field] === 'bigint');
    return {
      ...{ name: field, title: title || sentence(field), unit, isNumber, sorts: true },
      text: (/** @type {EntityState} */ one) => fieldText(one.fields[field], this.tz),
    };
  }

  /** @returns {Column} */
  #actionColumn() {
    return {
      ...{ name: 'actions', title: 'Actions' },
      // Which buttons there are is no news of its own.
      text: () => '',
      cell: (/** @type {EntityState} */ one) => html`<span class="row-actions">${this.#actions(one)}</span>`,
    };
  }

  /** @param {EntityState} state */
  #actions(state) {
    const doing = this.#acting.doings.get(state.key);
    if (this.asking?.key === state.key) return this.#form(state, this.asking.action);
    const said = doing
      ? html`<span class=${doing.step === 'refused' ? 'problem' : 'quiet'} role=${doing.step === 'refused' ? 'alert' : 'status'}>${doing.words}</span>`
      : nothing;
    if (doing?.step === 'sending') return said;
    const undo = doing?.step === 'done' && doing.undo && state.actions?.includes(doing.undo) ? doing.undo : null;
    if (!session.may('write')) return nothing;
    return html`${said}
      ${undo ? html`<button class="plain" data-action=${undo} @click=${() => this.#press(state, undo, true)}>Undo</button>` : nothing}
      ${(state.actions ?? []).filter((name) => name !== undo).map((name) => html`<button class="small" data-action=${name} @click=${() => this.#press(state, name)}>${this.#titleOf(name)}</button>`)}`;
  }

  /** @param {string} action */
  #titleOf(action) {
    return this.entity.actions?.[action]?.title || sentence(action);
  }

  /** @param {EntityState} state @param {string} action */
  #form(state, action) {
    return html`<form class="row-form" @submit=${(/** @type {SubmitEvent} */ event) => this.#onSubmit(event, state, action)} novalidate>
      ${inputs(this.#id, this.entity, action, this.list.rows ?? [])}
      <button class="small">${this.#titleOf(action)}</button>
      <button class="plain" type="button" @click=${() => (this.asking = null)}>Cancel</button>
    </form>`;
  }

  /** @param {EntityState} state @param {string} action @param {boolean} [isUndo] */
  #press(state, action, isUndo = false) {
    if (parametersOf(this.entity.actions?.[action] ?? { event: '' }).length) this.#ask(state.key, action);
    else this.#act(state, action, {}, isUndo);
  }

  /** @param {string} key @param {string} action */
  async #ask(key, action) {
    this.asking = { key, action };
    await this.updateComplete;
    await /** @type {Part | null} */ (this.querySelector('lt-grid'))?.updateComplete;
    /** @type {HTMLElement | null} */ (this.querySelector('.row-form input'))?.focus();
  }

  /** @param {SubmitEvent} event @param {EntityState} state @param {string} action */
  #onSubmit(event, state, action) {
    event.preventDefault();
    const given = givenIn(/** @type {HTMLFormElement} */ (event.target));
    this.asking = null;
    this.#act(state, action, given);
  }

  /** @param {EntityState} state @param {string} action @param {Record<string, unknown>} given @param {boolean} [isUndo] */
  async #act(state, action, given, isUndo = false) {
    const after = await this.#acting.act(this.name, this.entity, state, action, given);
    // What was taken back needs no second way back.
    if (after && isUndo) this.#acting.forget(state.key);
    // Also after a refusal: what is on the screen was not the newest.
    await this.list.page.reload();
    this.dispatchEvent(new CustomEvent('acted', { detail: state.key, bubbles: true }));
  }
}

/** @param {unknown} value @param {string} tz @returns {string} */
export function fieldText(value, tz) {
  if (typeof value === 'number') return exact.format(value).replace('-', '−');
  if (typeof value === 'string' && INSTANT.test(value)) return instantText(Date.parse(value), tz);
  return lineText(value);
}

customElements.define('lt-entity-table', EntityTable);

/**
 * The buttons above a list of entities that make a new one, and the form for an action's parameters.
 *
 * In the flow: receives an entity's definition and the rows of its list; sends actions through `data/acting.js`; tells
 * the list that there is something new (`acted` event).
 * Guarantee: a key is proposed that nobody has; what the server refused is said here, because no row shows it.
 */

import { html, nothing } from '../vendor/lit/lit-element.js';
import { Acting, parametersOf } from '../data/acting.js';
import { sentence } from '../data/catalog.js';
import { session } from '../services.js';
import { Part, uniqueId } from './part.js';

/** @typedef {import('../data/contract.js').Entity} Entity */
/** @typedef {import('../data/contract.js').EntityState} EntityState */

const PROPOSED = 20;

export class Creating extends Part {
  static properties = { name: {}, entity: { attribute: false }, rows: { attribute: false }, asking: { state: true }, key: { state: true } };

  constructor() {
    super();
    this.name = '';
    /** @type {Entity} */
    this.entity = { key: 'subject', events: [] };
    /** @type {readonly EntityState[]} */
    this.rows = [];
    /** the action whose parameters are being asked for */
    this.asking = '';
    /** of the one that is being made, or was made last */
    this.key = '';
  }

  #acting = new Acting(this);
  #id = uniqueId('new');

  render() {
    const names = Object.entries(this.entity.actions ?? {}).filter(([, { creates }]) => creates);
    if (!names.length || !session.may('write')) return nothing;
    return html`<div class="list-actions">
      ${this.asking ? this.#form(this.asking) : html`${names.map(([name]) => html`<button class="small" data-action=${name} @click=${() => this.#ask(name)}>${this.#titleOf(name)}</button>`)} ${this.#said()}`}
    </div>`;
  }

  #said() {
    const doing = this.#acting.doings.get(this.key);
    // Once it is in the list, the list shows it.
    if (!doing || (doing.step === 'done' && this.rows.some(({ key }) => key === this.key))) return nothing;
    const isRefused = doing.step === 'refused';
    return html`<span class=${isRefused ? 'problem' : 'quiet'} role=${isRefused ? 'alert' : 'status'}>${doing.words}</span>`;
  }

  /** @param {string} action */
  #titleOf(action) {
    return this.entity.actions?.[action]?.title || sentence(action);
  }

  /** @param {string} action */
  #form(action) {
    const id = `${this.#id}-key`;
    return html`<form class="row-form" @submit=${(/** @type {SubmitEvent} */ event) => this.#onSubmit(event, action)} novalidate>
      ${inputs(this.#id, this.entity, action, this.rows)}
      <label for=${id}>Key</label><input id=${id} name="key" class="key-input" autocomplete="off" required .value=${this.key} />
      <button class="small">${this.#titleOf(action)}</button>
      <button class="plain" type="button" @click=${() => (this.asking = '')}>Cancel</button>
    </form>`;
  }

  /** @param {string} action */
  async #ask(action) {
    this.key = newKey();
    this.asking = action;
    await this.updateComplete;
    this.querySelector('input')?.focus();
  }

  /** @param {SubmitEvent} event @param {string} action */
  async #onSubmit(event, action) {
    event.preventDefault();
    const { key, ...given } = givenIn(/** @type {HTMLFormElement} */ (event.target));
    if (key === '') return;
    this.asking = '';
    this.key = String(key);
    const state = { key: this.key, fields: {}, events: 0, first: '', last: '', version: 0, actions: [] };
    await this.#acting.act(this.name, this.entity, state, action, given);
    this.dispatchEvent(new CustomEvent('acted', { detail: this.key, bubbles: true }));
  }
}

/**
 * Labelled inputs for what an action has to be given, with what others in the list have proposed for each.
 * @param {string} id to begin those of the inputs with
 * @param {Entity} entity
 * @param {string} action
 * @param {readonly EntityState[]} rows
 */
export function inputs(id, entity, action, rows) {
  return parametersOf(entity.actions?.[action] ?? { event: '' }).map((name, at) => {
    const known = [...new Set(rows.map(({ fields }) => fields[name]).filter((value) => value != null))].slice(0, PROPOSED);
    return html`<label for="${id}-${at}">${sentence(name)}</label><input id="${id}-${at}" name=${name} autocomplete="off" list="${id}-${at}-known" />
      <datalist id="${id}-${at}-known">${known.map((value) => html`<option value=${String(value)}></option>`)}</datalist>`;
  });
}

/** What was given in a form: a number or truth value as such, everything else as text. @param {HTMLFormElement} form @returns {Record<string, unknown>} */
export function givenIn(form) {
  return Object.fromEntries(Array.from(new FormData(form), ([name, value]) => [name, givenValue(String(value))]));
}

/** @param {string} text @returns {unknown} */
function givenValue(text) {
  if (/^-?\d{1,15}(\.\d{1,15})?$/.test(text) && String(Number(text)) === text) return Number(text);
  return text === 'true' || text === 'false' ? text === 'true' : text;
}

/** A random UUID, also where `crypto.randomUUID` is kept from pages without https. */
function newKey() {
  const bytes = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte, at) => {
    if (at === 6) return (byte & 0x0f) | 0x40;
    return at === 8 ? (byte & 0x3f) | 0x80 : byte;
  });
  const hex = bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

customElements.define('lt-creating', Creating);

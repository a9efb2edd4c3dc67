/**
 * Makes a key: its name, what it may do, and until when.
 *
 * In the flow: receives choices from a person, sends them, hands the new key up (`made` event).
 * Guarantee: nothing is sent that the server would have to guess; what it refuses is said in the form.
 */

import { html, nothing } from '../vendor/lit/lit-element.js';
import { Problem, send } from '../data/api.js';
import { session } from '../services.js';
import { Part, uniqueId } from './part.js';

const DAY_US = 86_400_000_000;

/** @type {readonly [string, string, boolean][]} scope, what it means, and whether it is chosen at first */
const SCOPES = [
  ['read', 'Ask questions', true],
  ['write', 'Send events, act on entities', false],
  ['admin', 'Manage keys and definitions', false],
];

/** @type {readonly [string, number][]} */
const LIVES = [
  ['Never', 0],
  ['In 30 days', 30],
  ['In 90 days', 90],
  ['In a year', 365],
];

export class KeyForm extends Part {
  static properties = { problem: { state: true }, busy: { state: true } };

  constructor() {
    super();
    this.problem = '';
    this.busy = false;
  }

  #id = uniqueId('key');

  render() {
    return html`<form class="panel key-form" @submit=${this.#onSubmit} novalidate>
      <label for="${this.#id}-name">Name</label>
      <input id="${this.#id}-name" name="name" autocomplete="off" placeholder="Where it is used, such as ci" />
      <fieldset>
        <legend class="label">May</legend>
        ${SCOPES.map(([scope, words, chosen]) => html`<label class="check"><input type="checkbox" name="scope" value=${scope} ?checked=${chosen} /> ${words} <span class="quiet">${scope}</span></label>`)}
        ${session.may('operator') ? html`<label class="check"><input type="checkbox" name="operator" value="yes" /> For every team <span class="quiet">operator</span></label>` : nothing}
      </fieldset>
      <label for="${this.#id}-ends">Ends</label>
      <select id="${this.#id}-ends" name="ends">${LIVES.map(([words, days]) => html`<option value=${days}>${words}</option>`)}</select>
      ${this.problem ? html`<p class="problem" role="alert">${this.problem}</p>` : nothing}
      <div class="form-buttons"><button class="strong" ?disabled=${this.busy}>Create key</button>
        <button class="plain" type="button" @click=${() => this.dispatchEvent(new CustomEvent('close', { bubbles: true }))}>Cancel</button></div>
    </form>`;
  }

  firstUpdated() {
    this.querySelector('input')?.focus();
  }

  /** @param {SubmitEvent} event */
  async #onSubmit(event) {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
    const scopes = form.getAll('scope');
    if (!scopes.length) {
      this.problem = 'Choose at least one thing that the key may do.';
      return;
    }
    const days = Number(form.get('ends'));
    this.busy = true;
    this.problem = '';
    try {
      const made = await send('POST', 'v1/keys', {
        name: String(form.get('name') ?? '').trim(),
        scopes,
        operator: form.has('operator'),
        expires_us: days ? Date.now() * 1000 + days * DAY_US : null,
      });
      this.dispatchEvent(new CustomEvent('made', { detail: made, bubbles: true }));
    } catch (error) {
      this.problem = error instanceof Problem ? error.message : String(error);
    } finally {
      this.busy = false;
    }
  }
}

customElements.define('lt-key-form', KeyForm);

/**
 * Takes a definition away, after its plan was shown.
 *
 * In the flow: receives an application's name from the page, asks the server what would change, and has it done; tells
 * the page (`removed` event).
 * Guarantee: nothing is taken away before what that changes was on the page; the versions are kept by the server.
 */

import { html, nothing } from '../vendor/lit/lit-element.js';
import { Problem, send } from '../data/api.js';
import { Part } from './part.js';
import { changeList } from './plan.js';

/** @typedef {import('./plan.js').PlanAnswer} PlanAnswer */

export class Removal extends Part {
  static properties = { application: {}, shared: { type: Boolean }, answer: { state: true }, problem: { state: true }, busy: { state: true } };

  constructor() {
    super();
    this.application = '';
    /** Whether it is the definition of all teams. */
    this.shared = false;
    /** @type {PlanAnswer | null} */
    this.answer = null;
    this.problem = '';
    this.busy = false;
  }

  /** @param {Map<string, unknown>} updates */
  willUpdate(updates) {
    if (!updates.has('application') && !updates.has('shared')) return;
    this.answer = null;
    this.problem = '';
  }

  render() {
    const { answer, problem } = this;
    return html`<div class="removal" aria-live="polite">
      ${problem ? html`<p class="problem" role="alert">${problem}</p>` : nothing}
      ${answer ? this.#plan(answer) : html`<button class="plain" data-remove ?disabled=${this.busy} @click=${this.#ask}>Take it away…</button>`}
    </div>`;
  }

  /** @param {PlanAnswer} answer */
  #plan({ changes }) {
    return html`${changeList(changes)}
      <p class="quiet">${this.shared ? 'It holds for all teams: it is taken from every one that has none of its own, until the server is started with its file again.' : 'No event is lost, and its versions are kept.'}</p>
      <div class="form-buttons">
        <button class="strong danger" data-really ?disabled=${this.busy} @click=${this.#remove}>Take ${this.application} away</button>
        <button class="plain" @click=${() => (this.answer = null)}>Cancel</button>
      </div>`;
  }

  #path() {
    return `v1/definitions/${encodeURIComponent(this.application)}?shared=${this.shared}`;
  }

  async #ask() {
    const { application } = this;
    const answer = await this.#send(`${this.#path()}&dry_run=true`);
    if (answer && application === this.application) this.answer = answer;
    await this.updateComplete;
    // The button that was pressed is gone: whoever uses the keyboard goes on from here.
    /** @type {HTMLElement | null} */ (this.querySelector('[data-really]'))?.focus();
  }

  async #remove() {
    const answer = await this.#send(this.#path());
    if (!answer) return;
    this.answer = null;
    this.dispatchEvent(new CustomEvent('removed', { bubbles: true }));
  }

  /** @param {string} path @returns {Promise<PlanAnswer | null>} */
  async #send(path) {
    this.busy = true;
    this.problem = '';
    try {
      return await send('DELETE', path);
    } catch (error) {
      this.problem = error instanceof Problem ? error.message : String(error);
      return null;
    } finally {
      this.busy = false;
    }
  }
}

customElements.define('lt-removal', Removal);

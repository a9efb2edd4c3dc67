/**
 * Asks before something is done that can't be undone.
 *
 * In the flow: called by pages with words, hands back whether the person wants it.
 * Guarantee: the browser's own modal dialog: Escape and a press of Cancel mean no, the focus goes back where it was.
 */

import { html, nothing } from '../vendor/lit/lit-element.js';
import { Part, uniqueId } from './part.js';

/** @typedef {{ title: string, text: string, verb: string }} Words */

export class Confirm extends Part {
  static properties = { words: { state: true } };

  constructor() {
    super();
    /** @type {Words | null} */
    this.words = null;
  }

  #id = uniqueId('confirm');
  #answer = (/** @type {boolean} */ _yes) => {};

  /** @param {Words} words @returns {Promise<boolean>} */
  async ask(words) {
    this.words = words;
    await this.updateComplete;
    this.querySelector('dialog')?.showModal();
    return new Promise((resolve) => (this.#answer = resolve));
  }

  render() {
    const { words } = this;
    if (!words) return nothing;
    return html`<dialog class="confirm" aria-labelledby="${this.#id}-title" aria-describedby="${this.#id}-text" @close=${this.#onClose}>
      <form method="dialog">
        <h2 id="${this.#id}-title">${words.title}</h2>
        <p id="${this.#id}-text">${words.text}</p>
        <div class="confirm-buttons">
          <button class="plain" value="no" autofocus>Cancel</button>
          <button class="strong danger" value="yes">${words.verb}</button>
        </div>
      </form>
    </dialog>`;
  }

  /** @param {Event} event */
  #onClose(event) {
    const dialog = /** @type {HTMLDialogElement} */ (event.target);
    this.#answer(dialog.returnValue === 'yes');
    dialog.returnValue = '';
    this.words = null;
  }
}

customElements.define('lt-confirm', Confirm);

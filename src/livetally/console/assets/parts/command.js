/**
 * A command to paste into a terminal, with a button that copies it.
 *
 * In the flow: receives text from a page, hands it to the clipboard.
 * Guarantee: where the browser gives no clipboard (plain HTTP on another host), the text is selected instead.
 */

import { html } from '../vendor/lit/lit-element.js';
import { Part } from './part.js';

export class Command extends Part {
  static properties = { text: {}, label: {}, said: { state: true } };

  constructor() {
    super();
    this.text = '';
    this.label = 'Command';
    this.said = '';
  }

  render() {
    return html`<div class="command">
      <pre tabindex="0" aria-label=${this.label}><code>${this.text}</code></pre>
      <button class="plain" @click=${this.#copy}>Copy</button>
      <span class="quiet" role="status">${this.said}</span>
    </div>`;
  }

  async #copy() {
    try {
      await navigator.clipboard.writeText(this.text);
      this.said = 'Copied.';
    } catch {
      getSelection()?.selectAllChildren(/** @type {Node} */ (this.querySelector('code')));
      this.said = 'Selected: copy it with the keyboard.';
    }
  }
}

customElements.define('lt-command', Command);

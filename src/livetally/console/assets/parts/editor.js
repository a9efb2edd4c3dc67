/**
 * A text with line numbers, in which lines can be marked.
 *
 * In the flow: receives a text and marked lines from a page, hands it what is typed (`edit` event).
 * Guarantee: it is the browser's own text area, so that undo, search and screen readers work as everywhere; Tab leaves it.
 */

import { html, nothing } from '../vendor/lit/lit-element.js';
import { live } from '../vendor/lit/live.js';
import { Part } from './part.js';

export class Editor extends Part {
  static properties = { text: {}, label: {}, marked: { attribute: false }, fixed: { type: Boolean }, about: {} };

  constructor() {
    super();
    this.text = '';
    this.label = '';
    /** @type {ReadonlySet<number>} lines with a mistake, from 1 */
    this.marked = new Set();
    /** Whether it can't be changed. */
    this.fixed = false;
    /** The `id` of what is said about the text. */
    this.about = '';
  }

  render() {
    const count = this.text.split('\n').length;
    return html`<div class="editor">
      <ol class="editor-lines" aria-hidden="true">
        ${Array.from({ length: count }, (_, at) => html`<li data-marked=${this.marked.has(at + 1)}>${at + 1}</li>`)}
      </ol>
      <textarea
        wrap="off" spellcheck="false" autocapitalize="off" autocomplete="off" aria-label=${this.label} aria-describedby=${this.about || nothing}
        aria-invalid=${this.marked.size > 0} ?readonly=${this.fixed} .value=${live(this.text)} @input=${this.#onInput} @scroll=${this.#onScroll}
      ></textarea>
    </div>`;
  }

  /** Put the cursor at the start of a line and show it. @param {number} line from 1 */
  goTo(line) {
    const area = /** @type {HTMLTextAreaElement} */ (this.querySelector('textarea'));
    const lines = this.text.split('\n');
    const start = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
    area.focus();
    area.setSelectionRange(start, start + (lines[line - 1]?.length ?? 0));
    const height = area.scrollHeight / Math.max(1, lines.length);
    area.scrollTop = Math.max(0, (line - 4) * height);
  }

  /** @param {InputEvent} event */
  #onInput(event) {
    this.text = /** @type {HTMLTextAreaElement} */ (event.target).value;
    this.dispatchEvent(new CustomEvent('edit', { detail: this.text, bubbles: true }));
  }

  /** @param {Event} event */
  #onScroll(event) {
    /** @type {HTMLElement} */ (this.querySelector('.editor-lines')).scrollTop = /** @type {HTMLElement} */ (event.target).scrollTop;
  }
}

customElements.define('lt-editor', Editor);

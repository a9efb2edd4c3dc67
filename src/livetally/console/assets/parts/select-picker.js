/**
 * A choice among a few words, in the look of the toolbar.
 *
 * In the flow: called by toolbars, hands the chosen value to a function.
 * Guarantee: it is the browser's own list: keyboard, screen reader and phone know it.
 */

import { html } from '../vendor/lit/lit-element.js';
import { live } from '../vendor/lit/live.js';

/** @typedef {[value: string, title: string, possible?: boolean]} Option */

/**
 * @param {{ title: string, name: string, value: string, options: readonly Option[] }} picker
 * @param {(value: string) => void} choose
 */
export function selectPicker({ title, name, value, options }, choose) {
  return html`<label class="picker">
    <span class="picker-name">${title}</span>
    <select data-picker=${name} .value=${live(value)} @change=${(/** @type {Event} */ event) => choose(/** @type {HTMLSelectElement} */ (event.target).value)}>
      ${options.map(([one, text, possible = true]) => html`<option value=${one} ?selected=${one === value} ?disabled=${!possible}>${text}</option>`)}
    </select>
  </label>`;
}

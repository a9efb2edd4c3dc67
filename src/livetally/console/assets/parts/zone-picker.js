/**
 * Chooses the time zone: type a part of its name, or take one of the common ones.
 *
 * In the flow: receives the present zone from the toolbar, hands it a new one (`choose` event).
 * Guarantee: works by keyboard alone, as the combobox pattern of the ARIA practices describes.
 * Source: W3C, ARIA Authoring Practices Guide, "Combobox".
 */

import { html, nothing } from '../vendor/lit/lit-element.js';
import { live } from '../vendor/lit/live.js';
import { findZones, offsetText, ownZone, zoneTitle } from '../time/zones.js';
import { openBeside } from '../view/popover.js';
import { Part, uniqueId } from './part.js';

const SHOWN_MAX = 60;

export class ZonePicker extends Part {
  static properties = { tz: {}, typed: { state: true }, active: { state: true }, open: { state: true } };

  constructor() {
    super();
    this.tz = 'UTC';
    this.typed = '';
    this.active = 0;
    this.open = false;
  }

  #id = uniqueId('zones');

  render() {
    const now = Date.now();
    return html`
      <button class="picker" aria-haspopup="listbox" aria-expanded=${this.open} data-picker="zone" @click=${this.#show}>
        <span class="picker-name">Zone</span><span class="picker-value">${zoneTitle(this.tz)}</span>
        <span class="picker-extra">${offsetText(this.tz, now)}</span>
      </button>
      <div popover class="sheet zone-sheet" @toggle=${this.#onToggle}>${this.open ? this.#search(now) : nothing}</div>
    `;
  }

  /** @param {number} now */
  #search(now) {
    const zones = findZones(this.typed, SHOWN_MAX);
    const active = zones[this.active] ? `${this.#id}-${this.active}` : nothing;
    return html`
      <input
        role="combobox" aria-label="Search time zones" aria-expanded="true" aria-controls=${this.#id} aria-autocomplete="list"
        aria-activedescendant=${active} placeholder="Search, such as oslo" autocomplete="off" spellcheck="false"
        .value=${live(this.typed)} @input=${this.#onInput} @keydown=${(/** @type {KeyboardEvent} */ event) => this.#onKey(event, zones)}
      />
      <ul role="listbox" id=${this.#id} aria-label="Time zones" class="choices zone-list">
        ${zones.map((zone, at) => this.#option(zone, at, now))}
      </ul>
      ${zones.length ? nothing : html`<p class="quiet zone-none">No zone is called “${this.typed}”.</p>`}
    `;
  }

  /** @param {string} zone @param {number} at @param {number} now */
  #option(zone, at, now) {
    return html`<li
      role="option" id="${this.#id}-${at}" class="choice" data-active=${at === this.active} aria-selected=${zone === this.tz}
      @click=${() => this.#choose(zone)}
    >
      <span>${zoneTitle(zone)}${zone === ownZone() ? html` <span class="quiet">yours</span>` : nothing}</span>
      <span class="quiet">${offsetText(zone, now)}</span>
    </li>`;
  }

  /** @param {InputEvent} event */
  #onInput(event) {
    this.typed = /** @type {HTMLInputElement} */ (event.target).value;
    this.active = 0;
  }

  /** @param {KeyboardEvent} event @param {string[]} zones */
  #onKey(event, zones) {
    const chosen = zones[this.active];
    if (event.key === 'ArrowDown') this.active = Math.min(zones.length - 1, this.active + 1);
    else if (event.key === 'ArrowUp') this.active = Math.max(0, this.active - 1);
    else if (event.key === 'Enter' && chosen) this.#choose(chosen);
    else return;
    event.preventDefault();
  }

  /** @param {string} zone */
  #choose(zone) {
    /** @type {HTMLElement | null} */ (this.querySelector('[popover]'))?.hidePopover();
    this.dispatchEvent(new CustomEvent('choose', { detail: { tz: zone === ownZone() ? null : zone }, bubbles: true }));
  }

  /** @param {MouseEvent} event */
  async #show(event) {
    const button = /** @type {HTMLElement} */ (event.currentTarget);
    this.typed = '';
    this.active = 0;
    this.open = true;
    await this.updateComplete;
    openBeside(button, /** @type {HTMLElement} */ (this.querySelector('[popover]')));
    this.querySelector('input')?.focus();
  }

  /** @param {ToggleEvent} event */
  #onToggle(event) {
    this.open = event.newState === 'open';
  }

  updated() {
    this.querySelector('[data-active="true"]')?.scrollIntoView({ block: 'nearest' });
  }
}

customElements.define('lt-zone-picker', ZonePicker);

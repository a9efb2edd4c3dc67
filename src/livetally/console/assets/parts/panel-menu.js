/**
 * What can be taken from a panel: its numbers as CSV, its picture as PNG, the whole screen.
 *
 * In the flow: receives columns and a title from `parts/panel.js`, hands the browser a file or the panel to enlarge.
 * Guarantee: the file says what is on the screen, every digit of it, with the zone of its times; nothing leaves the page.
 */

import { html, nothing } from '../vendor/lit/lit-element.js';
import { csvText, download, pictureOf } from '../view/export.js';
import { openBeside } from '../view/popover.js';
import { NO_COLUMNS } from '../view/series.js';
import { Part } from './part.js';

export class PanelMenu extends Part {
  static properties = { data: { attribute: false }, title: {}, said: { state: true } };

  constructor() {
    super();
    /** @type {import('../view/series.js').Columns} */
    this.data = NO_COLUMNS;
    this.title = '';
    this.said = '';
  }

  render() {
    return html`
      <button class="plain" aria-haspopup="dialog" aria-expanded="false" aria-label="More of ${this.title}" @click=${this.#open}>More</button>
      <div popover class="sheet" role="dialog" aria-label="More of ${this.title}" @toggle=${this.#onToggle}>
        <button class="choice" data-csv @click=${() => this.#csv()}>Download CSV</button>
        <button class="choice" data-png @click=${() => this.#png()}>Download picture</button>
        <button class="choice" data-full @click=${() => this.#full()}>Full screen</button>
        ${this.said ? html`<p class="problem" role="alert">${this.said}</p>` : nothing}
      </div>
    `;
  }

  /** @param {MouseEvent} event */
  #open(event) {
    const sheet = this.#sheet();
    openBeside(/** @type {HTMLElement} */ (event.currentTarget), sheet);
    sheet.querySelector('button')?.focus();
  }

  /** @param {ToggleEvent} event */
  #onToggle(event) {
    this.querySelector('button')?.setAttribute('aria-expanded', String(event.newState === 'open'));
  }

  #sheet() {
    return /** @type {HTMLElement} */ (this.querySelector('[popover]'));
  }

  #csv() {
    this.#sheet().hidePopover();
    download(`${this.title}.csv`, new Blob([csvText(this.data)], { type: 'text/csv' }));
  }

  async #png() {
    const canvas = this.closest('.panel')?.querySelector('canvas');
    const picture = canvas && (await pictureOf(this.title, this.data, canvas));
    if (picture) {
      this.#sheet().hidePopover();
      download(`${this.title}.png`, picture);
    } else this.said = 'There is no picture to take.';
  }

  async #full() {
    this.#sheet().hidePopover();
    try {
      await this.closest('.panel')?.requestFullscreen();
    } catch {
      this.said = 'This browser gives no full screen here.';
    }
  }
}

customElements.define('lt-panel-menu', PanelMenu);

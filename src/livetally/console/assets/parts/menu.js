/**
 * Who is signed in, light or dark, and the way out.
 *
 * In the flow: receives who it is from the shell, hands choices to `view/theme.js` and `data/session.js`.
 * Guarantee: when signing out fails, the page says so, because the session is still open.
 */

import { html, nothing } from '../vendor/lit/lit-element.js';
import { Problem, get } from '../data/api.js';
import { address, session } from '../services.js';
import { momentText } from '../time/words.js';
import { ownZone, zoneTitle } from '../time/zones.js';
import { openBeside } from '../view/popover.js';
import { shownTheme, toggleTheme } from '../view/theme.js';
import { Part } from './part.js';

export class Menu extends Part {
  static properties = { who: { attribute: false }, team: {}, teams: { state: true }, problem: { state: true } };

  constructor() {
    super();
    /** @type {import('../data/contract.js').Who | null} */
    this.who = null;
    /** The team that an operator acts for; empty: the key's own. */
    this.team = '';
    /** @type {string[]} that an operator may act for */
    this.teams = [];
    this.problem = '';
  }

  render() {
    const { who } = this;
    const other = shownTheme() === 'dark' ? 'Light' : 'Dark';
    if (!who) return html`<button class="plain" @click=${this.#toggleTheme}>${other} colours</button>`;
    return html`
      <button class="plain menu-button" aria-haspopup="dialog" aria-expanded="false" data-menu @click=${this.#open}>
        ${who.key_name || who.team}${this.team ? html` <span class="menu-team">for ${this.team}</span>` : nothing}
      </button>
      <div popover class="sheet menu-sheet" role="dialog" aria-label="Account" @toggle=${this.#onToggle}>
        <dl>
          <dt>Team</dt><dd>${this.teams.length > 1 ? this.#teamSelect(who.team) : this.team || who.team}</dd>
          ${who.scopes?.length ? html`<dt>May</dt><dd>${who.scopes.join(', ')}</dd>` : nothing}
          ${who.expires_us ? html`<dt>Until</dt><dd>${momentText(who.expires_us / 1000, ownZone())} <span class="quiet">${zoneTitle(ownZone())}</span></dd>` : nothing}
        </dl>
        <button class="choice" @click=${this.#toggleTheme}>${other} colours</button>
        <button class="choice" data-sign-out @click=${this.#signOut}>Sign out</button>
        ${this.problem ? html`<p class="problem" role="alert">${this.problem}</p>` : nothing}
      </div>
    `;
  }

  /** @param {string} own */
  #teamSelect(own) {
    const shown = this.team || own;
    return html`<select aria-label="Act for the team" data-team @change=${this.#onTeam}>
      ${this.teams.map((name) => html`<option value=${name} ?selected=${name === shown}>${name}</option>`)}
    </select>`;
  }

  /** @param {Event} event */
  #onTeam(event) {
    const { value } = /** @type {HTMLSelectElement} */ (event.target);
    /** @type {HTMLElement | null} */ (this.querySelector('[popover]'))?.hidePopover();
    // What was filtered or opened is the other team's own.
    address.goAcross(address.path.slice(0, 1), { team: value === this.who?.team ? [] : value });
  }

  async #loadTeams() {
    try {
      const { teams } = await get('v1/teams');
      this.teams = teams.map((/** @type {{ name: string }} */ one) => one.name);
    } catch {
      this.teams = []; // The team is named; another can be chosen when the server is there again.
    }
  }

  #toggleTheme() {
    toggleTheme();
    this.requestUpdate();
  }

  async #signOut() {
    try {
      this.problem = '';
      await session.signOut();
    } catch (error) {
      this.problem = `Still signed in. ${error instanceof Problem ? error.message : error}`;
    }
  }

  /** @param {MouseEvent} event */
  #open(event) {
    const sheet = /** @type {HTMLElement} */ (this.querySelector('[popover]'));
    openBeside(/** @type {HTMLElement} */ (event.currentTarget), sheet);
    sheet.querySelector('button')?.focus();
    if (session.may('operator') && session.may('admin')) this.#loadTeams();
  }

  /** @param {ToggleEvent} event */
  #onToggle(event) {
    this.querySelector('.menu-button')?.setAttribute('aria-expanded', String(event.newState === 'open'));
  }
}

customElements.define('lt-menu', Menu);

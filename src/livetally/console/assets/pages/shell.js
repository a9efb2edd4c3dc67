/**
 * The frame around every page: name, ways to go, connection, who is signed in.
 *
 * In the flow: receives the session's state and the address, hands each page what it needs.
 * Guarantee: whatever fails, the frame stays, says what failed, and offers the next step.
 */

import { html, nothing } from '../vendor/lit/lit-element.js';
import { Problem } from '../data/api.js';
import { loadCatalog } from '../data/catalog.js';
import '../parts/connection.js';
import '../parts/menu.js';
import { Part } from '../parts/part.js';
import { address, live, session } from '../services.js';
import { themeChanges } from '../view/theme.js';
import './dashboard.js';
import './first-event.js';
import './sign-in.js';

/** @typedef {import('../data/catalog.js').Catalog} Catalog */

const RETRY_MS = 3_000;

export class Shell extends Part {
  static properties = { catalog: { state: true }, problem: { state: true } };

  constructor() {
    super();
    /** @type {Catalog | null} */
    this.catalog = null;
    /** @type {Problem | null} */
    this.problem = null;
  }

  connectedCallback() {
    super.connectedCallback();
    const update = () => this.requestUpdate();
    address.addEventListener('change', update);
    themeChanges.addEventListener('change', update);
    session.addEventListener('change', () => this.#onSession());
    live.onSignedOut(() => session.refresh());
    session.refresh();
  }

  #onSession() {
    if (session.state === 'in') this.#load();
    else this.catalog = null;
    if (session.state === 'unreachable') window.setTimeout(() => session.refresh(), RETRY_MS);
    this.requestUpdate();
  }

  async #load() {
    try {
      this.problem = null;
      this.catalog = await loadCatalog();
    } catch (error) {
      this.problem = error instanceof Problem ? error : new Problem(0, { detail: String(error) });
      if (this.problem.status === 401) await session.refresh();
    }
  }

  render() {
    this.dataset.state = session.state;
    const signedIn = session.state === 'in';
    return html`
      <a class="skip" href="#content" @click=${this.#skip}>Skip to the content</a>
      <header class="bar">
        <a class="brand" href=${address.linkTo([])}><span class="brand-mark" aria-hidden="true"></span>Livetally</a>
        ${signedIn && this.catalog?.dashboards.length ? this.#ways(this.catalog) : html`<span class="bar-space"></span>`}
        ${signedIn ? html`<lt-connection></lt-connection>` : nothing}
        <lt-menu .who=${session.who}></lt-menu>
      </header>
      <main id="content" tabindex="-1">${this.#page()}</main>
      <footer class="foot quiet">
        <span>Livetally ${session.who?.version ?? nothing}</span>
        ${signedIn ? html`<a href="docs">API reference</a>` : nothing}
      </footer>
    `;
  }

  /** @param {Catalog} catalog */
  #ways(catalog) {
    const here = this.#dashboard(catalog);
    return html`<nav class="ways" aria-label="Dashboards">
      ${catalog.dashboards.map(
        (one) => html`<a href=${address.linkTo(one.path)} aria-current=${one === here ? 'page' : nothing}>${one.title}</a>`,
      )}
    </nav>`;
  }

  #page() {
    if (session.state === 'asking') return nothing;
    if (session.state === 'out') return html`<lt-sign-in></lt-sign-in>`;
    if (session.state === 'unreachable') return this.#message('The server can’t be reached', 'Trying again every three seconds.');
    if (this.problem) return this.#message(this.problem.title, this.problem.message, () => this.#load());
    if (!this.catalog) return nothing;
    if (!this.catalog.dashboards.length) return html`<lt-first-event missing="metrics"></lt-first-event>`;
    const dashboard = this.#dashboard(this.catalog);
    if (!dashboard) return this.#message('There is no such page', 'The link may be of an older dashboard.', () => address.go([]), 'Go to the first dashboard');
    document.title = `${dashboard.title} · Livetally`;
    return html`<lt-dashboard .dashboard=${dashboard} .example=${this.catalog.example}></lt-dashboard>`;
  }

  /** @param {Catalog} catalog */
  #dashboard({ dashboards }) {
    const path = address.path.join('/');
    return path ? dashboards.find((one) => one.path.join('/') === path) : dashboards[0];
  }

  /** @param {string} title @param {string} text @param {() => void} [action] @param {string} [label] */
  #message(title, text, action, label = 'Try again') {
    return html`<section class="first">
      <h1>${title}</h1>
      <p role="alert">${text}</p>
      ${action ? html`<button class="strong" @click=${action}>${label}</button>` : nothing}
    </section>`;
  }

  /** The address after `#` is the page's own, so the link can't be left to the browser. @param {MouseEvent} event */
  #skip(event) {
    event.preventDefault();
    this.querySelector('main')?.focus();
  }
}

customElements.define('lt-app', Shell);

/**
 * The frame around every page: name, ways to go, connection, who is signed in.
 *
 * In the flow: receives the session's state and the address, hands each page what it needs.
 * Guarantee: whatever fails, the frame stays, says what failed, and offers the next step.
 */

import { html, nothing } from '../vendor/lit/lit-element.js';
import { Problem, actFor } from '../data/api.js';
import { loadCatalog } from '../data/catalog.js';
import '../parts/connection.js';
import '../parts/menu.js';
import { Part } from '../parts/part.js';
import { address, live, session } from '../services.js';
import { themeChanges } from '../view/theme.js';
import { AREAS } from './areas.js';
import './dashboard.js';
import './first-event.js';
import './sign-in.js';

/** @typedef {import('../data/catalog.js').Catalog} Catalog */
/** @typedef {import('./areas.js').Area} Area */

const RETRY_MS = 3_000;
const DASHBOARDS = 'dashboards';

export class Shell extends Part {
  static properties = { catalog: { state: true }, problem: { state: true }, loaded: { state: true } };

  constructor() {
    super();
    /** @type {Catalog | null} */
    this.catalog = null;
    /** @type {Problem | null} */
    this.problem = null;
    /** @type {ReadonlyMap<string, 'loading' | 'ready' | 'failed'>} modules of pages, by name */
    this.loaded = new Map();
  }

  /** The team that an operator acts for. */
  #team = '';
  /** @type {Element | null} the way to the page that is shown */
  #way = null;

  connectedCallback() {
    super.connectedCallback();
    address.addEventListener('change', () => this.#onAddress());
    themeChanges.addEventListener('change', () => this.requestUpdate());
    session.addEventListener('change', () => this.#onSession());
    this.addEventListener('definitions-changed', () => this.#load());
    live.onSignedOut(() => session.refresh());
    session.refresh();
  }

  #onAddress() {
    if (session.state === 'in' && this.#team !== this.#wantedTeam()) this.#onSession();
    this.requestUpdate();
  }

  #onSession() {
    const team = session.state === 'in' ? this.#wantedTeam() : '';
    // Another team's numbers must not stand under this team's name, not for a moment.
    if (team !== this.#team || session.state !== 'in') this.catalog = null;
    this.#team = team;
    actFor(team);
    if (session.state === 'in') this.#load();
    if (session.state === 'unreachable') window.setTimeout(() => session.refresh(), RETRY_MS);
    this.requestUpdate();
  }

  #wantedTeam() {
    const named = session.may('operator') ? (address.choice('team') ?? '') : '';
    return named === session.who?.team ? '' : named;
  }

  async #load() {
    const team = this.#team;
    try {
      this.problem = null;
      const catalog = await loadCatalog();
      if (team === this.#team) this.catalog = catalog;
    } catch (error) {
      this.problem = error instanceof Problem ? error : new Problem(0, { detail: String(error) });
      if (this.problem.status === 401) await session.refresh();
    }
  }

  /** @param {Area} area */
  async #loadPage(area) {
    const say = (/** @type {'loading' | 'ready' | 'failed'} */ state) => (this.loaded = new Map(this.loaded).set(area.name, state));
    say('loading');
    try {
      await area.load();
      say('ready');
    } catch {
      say('failed');
    }
  }

  willUpdate() {
    const area = this.#area();
    if (area && !this.loaded.has(area.name)) this.#loadPage(area);
  }

  updated() {
    const way = this.querySelector('.ways [aria-current]');
    // On a narrow screen the ways are longer than it is.
    if (way !== this.#way) way?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    this.#way = way;
  }

  render() {
    this.dataset.state = session.state;
    const signedIn = session.state === 'in';
    return html`
      <a class="skip" href="#content" @click=${this.#skip}>Skip to the content</a>
      <header class="bar">
        <a class="brand" href=${address.linkAcross([])}><span class="brand-mark" aria-hidden="true"></span>Livetally</a>
        ${signedIn ? this.#ways() : html`<span class="bar-space"></span>`}
        ${signedIn ? html`<lt-connection></lt-connection>` : nothing}
        <lt-menu .who=${session.who} .team=${this.#team}></lt-menu>
      </header>
      <main id="content" tabindex="-1">${this.#page()}</main>
      <footer class="foot quiet">
        <span>Livetally ${session.who?.version ?? nothing}</span>
        ${signedIn ? html`<a href="docs">API reference</a>` : nothing}
      </footer>
    `;
  }

  #ways() {
    const here = this.#area()?.name ?? DASHBOARDS;
    const ways = [{ name: DASHBOARDS, title: 'Dashboards', scope: 'read' }, ...AREAS].filter(({ scope }) => session.may(scope));
    return html`<nav class="ways" aria-label="Pages">
      ${ways.map(
        ({ name, title }) =>
          html`<a href=${address.linkAcross(name === DASHBOARDS ? [] : [name])} aria-current=${name === here ? 'page' : nothing}>${title}</a>`,
      )}
    </nav>`;
  }

  /** The area of the address; null for dashboards, which need no loading. @returns {Area | null} */
  #area() {
    const [name] = address.path;
    return session.state === 'in' ? (AREAS.find((one) => one.name === name) ?? null) : null;
  }

  #page() {
    if (session.state === 'asking') return nothing;
    if (session.state === 'out') return html`<lt-sign-in></lt-sign-in>`;
    if (session.state === 'unreachable') return this.#message('The server can’t be reached', 'Trying again every three seconds.');
    if (this.problem) return this.#message(this.problem.title, this.problem.message, () => this.#load());
    if (!this.catalog) return nothing;
    const area = this.#area();
    return area ? this.#areaPage(area, this.catalog) : this.#dashboardPage(this.catalog);
  }

  /** @param {Area} area @param {Catalog} catalog */
  #areaPage(area, catalog) {
    document.title = `${area.title} · Livetally`;
    if (!session.may(area.scope)) return this.#message('Not for this key', `The page ${area.title} needs a key with the scope “${area.scope}”.`);
    const state = this.loaded.get(area.name);
    if (state === 'ready') return area.render(address.path.slice(1), catalog);
    if (state === 'loading') return html`<div class="page-head"><h1>${area.title}</h1></div>`;
    // The server was updated while the page was open: its modules have other names now.
    return this.#message('This page can’t be loaded', 'The server may have a newer console, or can’t be reached.', () => window.location.reload(), 'Load again');
  }

  /** @param {Catalog} catalog */
  #dashboardPage(catalog) {
    if (!catalog.dashboards.length) return html`<lt-first-event missing="metrics"></lt-first-event>`;
    const dashboard = this.#dashboard(catalog);
    if (!dashboard) return this.#message('There is no such page', 'The link may be of an older dashboard.', () => address.go([]), 'Go to the first dashboard');
    document.title = `${dashboard.title} · Livetally`;
    return html`${catalog.dashboards.length > 1 ? this.#tabs(catalog, dashboard) : nothing}
      <lt-dashboard .dashboard=${dashboard} .example=${catalog.example}></lt-dashboard>`;
  }

  /** @param {Catalog} catalog @param {import('../data/catalog.js').Dashboard} here */
  #tabs({ dashboards }, here) {
    return html`<nav class="tabs" aria-label="Dashboards">
      ${dashboards.map((one) => html`<a href=${address.linkTo(one.path)} aria-current=${one === here ? 'page' : nothing}>${one.title}</a>`)}
    </nav>`;
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

/**
 * One entity: its fields, and the events that its state follows from, newest first.
 *
 * In the flow: receives an entity's name and key from the page, asks for its state and its history; closes by a `close`
 * event.
 * Guarantee: the history is the server's, in the order in which it counts; what each event changed stands beside it.
 */

import { html, nothing } from '../vendor/lit/lit-element.js';
import { sentence } from '../data/catalog.js';
import { get } from '../data/api.js';
import { LiveList } from '../data/livelist.js';
import { LiveQuery } from '../data/livequery.js';
import { Resource } from '../data/resource.js';
import { lineText, parseWhole } from '../data/whole.js';
import { address } from '../services.js';
import { instantText } from '../time/words.js';
import { zoneTitle } from '../time/zones.js';
import { pathOf } from '../view/paging.js';
import { fieldText } from './entity-table.js';
import { Part } from './part.js';

/** @typedef {import('../data/contract.js').Entity} Entity */
/** @typedef {import('../data/contract.js').EntityState} EntityState */
/** @typedef {import('../data/contract.js').StoredEvent} StoredEvent */

const FIRST = 20;
const MORE = 80;

export class Timeline extends Part {
  static properties = { name: {}, key: {}, entity: { attribute: false }, tz: {}, version: { attribute: false }, count: { state: true } };

  constructor() {
    super();
    this.name = '';
    this.key = '';
    /** @type {Entity} */
    this.entity = { key: 'subject', events: [] };
    this.tz = 'UTC';
    /** Changes when the entity has. */
    this.version = 0;
    this.count = FIRST;
  }

  /** @type {Resource<EntityState>} */
  #state = new Resource(this);
  #live = new LiveQuery(this);
  /** @type {LiveList<StoredEvent>} */
  #history = new LiveList(this, 'events', (path) => get(path, parseWhole));

  /** @param {Map<string, unknown>} updates */
  willUpdate(updates) {
    const path = `entities/${encodeURIComponent(this.name)}/${encodeURIComponent(this.key)}`;
    if (updates.has('key') || updates.has('name')) this.count = FIRST;
    this.#state.ask(`v1/${path}`);
    this.#live.ask(path);
    this.#history.ask(pathOf(`${path}/events`, { limit: this.count }), null);
    if (updates.has('version') && this.hasUpdated) {
      this.#state.reload();
      this.#history.page.reload();
    }
    this.dataset.state = this.#history.rows ? 'ready' : this.#history.page.state;
  }

  /** @returns {EntityState | null} */
  #newest() {
    const view = this.#live.view;
    const [row] = view?.state === 'ready' && !this.#live.stale ? view.rows.values() : [];
    return /** @type {any} */ (row) ?? this.#state.answer;
  }

  /** @param {Map<string, unknown>} updates */
  updated(updates) {
    if (updates.has('key')) this.scrollIntoView({ block: 'nearest' });
  }

  render() {
    const state = this.#newest();
    const { problem } = this.#state;
    const { title_field: names = '', fields = {} } = this.entity;
    const title = state && names ? fieldText(state.fields[names], this.tz) : this.key;
    return html`<section class="panel detail" aria-label="${this.name} ${this.key}">
      <header class="panel-head">
        <h2>${title || this.key}</h2>
        <button class="plain" data-close @click=${() => this.dispatchEvent(new CustomEvent('close', { bubbles: true }))}>Close</button>
      </header>
      ${problem && !state ? html`<p role="alert">${problem.message}</p>` : nothing}
      ${state
        ? html`<dl class="facts">
            ${names ? html`<dt>Key</dt><dd>${state.key}</dd>` : nothing}
            ${Object.entries(fields)
              .filter(([field]) => field !== names)
              .map(([field, { title: words, unit }]) => html`<dt>${words || sentence(field)}</dt><dd>${fieldText(state.fields[field], this.tz) || '–'} <span class="unit">${unit}</span></dd>`)}
          </dl>`
        : nothing}
      <h3>History <span class="quiet">in ${zoneTitle(this.tz)}</span></h3>
      ${this.#events()}
    </section>`;
  }

  #events() {
    const { rows, next, page } = this.#history;
    const { problem } = page;
    if (problem && !rows) return html`<p role="alert">${problem.message}</p>`;
    if (!rows) return html`<p class="quiet">Reading…</p>`;
    return html`<ol class="timeline">${rows.map((one) => this.#event(one))}</ol>
      ${next ? html`<button class="plain" @click=${() => (this.count += MORE)}>Show ${MORE} more</button>` : nothing}`;
  }

  /** @param {StoredEvent} event */
  #event(event) {
    const actor = event.attributes?.actor;
    return html`<li>
      <p><a href=${address.linkAcross(['events'], { event: `${event.time} ${event.id}` })}>${event.type}</a>
        ${event.source ? html`<span class="quiet">${event.source}${actor ? `, key ${actor}` : ''}</span>` : nothing}</p>
      <p class="quiet timeline-time">${instantText(Date.parse(event.time), this.tz)}</p>
      <p class="timeline-data">${Object.entries(event.data).map(([name, value]) => html`<span class="pair"><span class="quiet">${name}</span> ${lineText(value)}</span>`)}</p>
    </li>`;
  }
}

customElements.define('lt-timeline', Timeline);

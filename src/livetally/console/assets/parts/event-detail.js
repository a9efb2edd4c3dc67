/**
 * One event: where it came from, its JSON, and which statistics it is part of.
 *
 * In the flow: receives an event and the definitions from a page, asks `data/counted.js`, closes by a `close` event.
 * Guarantee: the JSON is the sender's own, number by number.
 */

import { html, nothing } from '../vendor/lit/lit-element.js';
import { countedBy } from '../data/counted.js';
import { Problem } from '../data/api.js';
import { jsonText } from '../data/whole.js';
import { address } from '../services.js';
import { instantText } from '../time/words.js';
import { zoneTitle } from '../time/zones.js';
import { positionText } from '../view/numbers.js';
import { Part } from './part.js';
import './command.js';

/** @typedef {import('../data/contract.js').StoredEvent} StoredEvent */

export class EventDetail extends Part {
  static properties = {
    event: { attribute: false },
    catalog: { attribute: false },
    tz: {},
    counted: { state: true },
    problem: { state: true },
  };

  constructor() {
    super();
    /** @type {StoredEvent | null} */
    this.event = null;
    /** @type {import('../data/catalog.js').Catalog | null} */
    this.catalog = null;
    this.tz = 'UTC';
    /** @type {Awaited<ReturnType<typeof countedBy>> | null} */
    this.counted = null;
    this.problem = '';
  }

  #asked = '';

  willUpdate() {
    const { event, catalog } = this;
    if (!event || !catalog || event.id === this.#asked) return;
    this.#asked = event.id;
    this.counted = null;
    this.#count(event, catalog);
  }

  /** @param {StoredEvent} event @param {import('../data/catalog.js').Catalog} catalog */
  async #count(event, catalog) {
    try {
      this.problem = '';
      const counted = await countedBy(event, catalog);
      if (this.#asked === event.id) this.counted = counted;
    } catch (error) {
      this.problem = error instanceof Problem ? error.message : String(error);
    }
  }

  /** @param {Map<string, unknown>} updates */
  updated(updates) {
    // Beside the list it is in sight already.
    if (updates.has('event') && this.event) this.scrollIntoView({ block: 'nearest' });
  }

  render() {
    const { event } = this;
    if (!event) return nothing;
    return html`<section class="panel detail" aria-label="Event ${event.id}">
      <header class="panel-head">
        <h2>${event.type}</h2>
        <button class="plain" data-close @click=${() => this.dispatchEvent(new CustomEvent('close', { bubbles: true }))}>Close</button>
      </header>
      <dl class="facts">
        <dt>Occurred</dt><dd>${this.#instant(event.time)}</dd>
        <dt>Arrived</dt><dd>${instantText(Date.parse(event.received), this.tz)}</dd>
        ${event.subject ? html`<dt>Subject</dt><dd>${this.#filterLink('subject', event.subject)}</dd>` : nothing}
        ${event.source ? html`<dt>Source</dt><dd>${this.#filterLink('source', event.source)}</dd>` : nothing}
        <dt>Position</dt><dd>${positionText(event.position)}</dd>
        <dt>Id</dt><dd class="code">${event.id}</dd>
      </dl>
      <h3>Counts into</h3>
      ${this.#counts()}
      <h3>As it was sent</h3>
      <lt-command label="Event" .text=${jsonText(asSent(event))}></lt-command>
    </section>`;
  }

  /** @param {string} time */
  #instant(time) {
    return html`${instantText(Date.parse(time), this.tz)} <span class="quiet">${zoneTitle(this.tz)}</span>`;
  }

  /** @param {string} field @param {string} value */
  #filterLink(field, value) {
    return html`<a href=${address.linkAcross(['events'], { where: `${field}:${JSON.stringify(value)}` })} title="Show only these">${value}</a>`;
  }

  #counts() {
    if (this.problem) return html`<p class="problem" role="alert">${this.problem}</p>`;
    if (!this.counted) return html`<p class="quiet">Asking…</p>`;
    const { metrics, entities } = this.counted;
    if (!metrics.length && !entities.length) return html`<p class="quiet">No metric or entity is declared over events of this type that it meets.</p>`;
    return html`<ul class="counted">
      ${metrics.map((one) => html`<li><a href=${address.linkAcross(['explore'], { metric: one.name, range: 'all' })}>${one.title}</a> <span class="quiet">metric</span></li>`)}
      ${entities.map((one) => html`<li><a href=${address.linkAcross(['entities', one.name, one.key])}>${one.title} ${one.key}</a> <span class="quiet">entity</span></li>`)}
    </ul>`;
  }
}

/** Without what the server has added. @param {StoredEvent} event */
function asSent({ id, type, source, subject, time, data, attributes }) {
  return { id, type, ...(source ? { source } : {}), time, ...(subject ? { subject } : {}), data, ...(attributes ? { attributes } : {}) };
}

customElements.define('lt-event-detail', EventDetail);

/**
 * Entities: which kinds there are, those of one kind page by page, and the history of one.
 *
 * In the flow: receives the path and the definitions from the shell and the reader's choices from the address.
 * Guarantee: kind, filters, order, page and the one that is open are in the address.
 */

import { html, nothing } from '../vendor/lit/lit-element.js';
import { sentence } from '../data/catalog.js';
import '../parts/entity-table.js';
import '../parts/filters.js';
import { listWords, pager } from '../parts/pager.js';
import { Part } from '../parts/part.js';
import '../parts/timeline.js';
import '../parts/zone-picker.js';
import { address } from '../services.js';
import { listChoices } from '../view/paging.js';

/** @typedef {import('../data/contract.js').Entity} Entity */

export class EntitiesPage extends Part {
  static properties = { path: { attribute: false }, catalog: { attribute: false }, acted: { state: true } };

  constructor() {
    super();
    /** @type {string[]} kind and key */
    this.path = [];
    /** @type {import('../data/catalog.js').Catalog | null} */
    this.catalog = null;
    /** Counts what was done, so that an open history is read again. */
    this.acted = 0;
  }

  #onAddress = () => this.requestUpdate();

  connectedCallback() {
    super.connectedCallback();
    address.addEventListener('change', this.#onAddress);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    address.removeEventListener('change', this.#onAddress);
  }

  /** @returns {[string, Entity][]} */
  #kinds() {
    return (this.catalog?.applications ?? []).flatMap((one) => Object.entries(one.entity ?? {}));
  }

  render() {
    const kinds = this.#kinds();
    const [wanted = kinds[0]?.[0] ?? '', key = ''] = this.path;
    const entity = kinds.find(([name]) => name === wanted)?.[1];
    if (!kinds.length) return this.#none();
    return html`
      ${kinds.length > 1 ? this.#tabs(kinds, wanted) : nothing}
      ${entity ? this.#page(wanted, entity, key) : listWords(`No entity is called “${wanted}”.`, true)}
    `;
  }

  #none() {
    return html`<section class="first">
      <h1>No entities yet</h1>
      <p>An entity is something whose state follows from its events: the owner of an item, the status of an incident. It is
        a few lines in a definition, and holds for all events that are stored already.</p>
      <p><a href=${address.linkAcross(['definitions'])}>Go to the definitions</a></p>
    </section>`;
  }

  /** @param {[string, Entity][]} kinds @param {string} here */
  #tabs(kinds, here) {
    return html`<nav class="tabs" aria-label="Entities">
      ${kinds.map(([name, { title }]) => html`<a href=${address.linkAcross(['entities', name])} aria-current=${name === here ? 'page' : nothing}>${title || sentence(name)}</a>`)}
    </nav>`;
  }

  /** @param {string} name @param {Entity} entity @param {string} key */
  #page(name, entity, key) {
    const { tz, where } = listChoices(address.choices, Date.now());
    return html`
      <div class="page-head">
        <div class="page-name"><h1>${entity.title || sentence(name)}</h1>${entity.description ? html`<p class="quiet">${entity.description}</p>` : nothing}</div>
        <div class="toolbar" role="group" aria-label="What is shown" @choose=${this.#onChoose}><lt-zone-picker .tz=${tz}></lt-zone-picker></div>
      </div>
      <lt-filters adds .where=${where} .fields=${Object.keys(entity.fields ?? {})} .example=${this.#example(entity)} @choose=${this.#onChoose}></lt-filters>
      <div class="split" data-open=${key !== ''} @open=${(/** @type {CustomEvent<string>} */ event) => this.#open(name, event.detail === key ? '' : event.detail)}
        @close=${() => this.#open(name, '')} @sort=${this.#onSort} @acted=${() => (this.acted += 1)} @keydown=${(/** @type {KeyboardEvent} */ event) => this.#onKey(event, name, key)}>
        <div class="split-list"><div class="panel">
          <lt-entity-table
            opens .name=${name} .entity=${entity} .where=${where} .sort=${address.choice('sort') ?? ''} .cursor=${address.choice('cursor') ?? ''} .tz=${tz} .opened=${key}
            @list=${() => this.requestUpdate()}
          ></lt-entity-table>
          ${this.#pager()}
        </div></div>
        ${key ? html`<lt-timeline .name=${name} .key=${key} .entity=${entity} .tz=${tz} .version=${this.acted}></lt-timeline>` : nothing}
      </div>
    `;
  }

  /** A filter that makes sense, from what the definition says of its fields. @param {Entity} entity */
  #example({ events, fields = {} }) {
    const declared = (this.catalog?.applications ?? []).flatMap((one) => events.map((name) => one.event?.[name]?.data ?? {}));
    for (const [field, { latest }] of Object.entries(fields)) {
      const value = declared.map((data) => data[latest ?? '']?.one_of?.[0]).find(Boolean);
      if (value) return `${field}:${value}`;
    }
    return 'key:1';
  }

  #pager() {
    const table = /** @type {import('../parts/entity-table.js').EntityTable | null} */ (this.querySelector('lt-entity-table'));
    return pager({ next: table && (this.#onFirst() ? table.list.hasNext(table.limit) && (() => table.list.nextNow()) : table.list.next) });
  }

  #onFirst() {
    return !address.choice('cursor');
  }

  /** @param {string} name @param {string} key */
  #open(name, key) {
    // Filters, order and page stay: the list does not move under what was opened.
    address.go(key ? ['entities', name, key] : ['entities', name]);
  }

  /** @param {CustomEvent<string>} event */
  #onSort({ detail }) {
    address.choose({ sort: detail, cursor: null });
  }

  /** @param {CustomEvent<Record<string, string | string[] | null>>} event */
  #onChoose({ detail }) {
    address.choose({ ...detail, cursor: null });
  }

  /** @param {KeyboardEvent} event @param {string} name @param {string} key */
  #onKey(event, name, key) {
    if (event.key !== 'Escape' || !key) return;
    this.#open(name, '');
    /** @type {HTMLElement | null} */ (this.querySelector(`tr[data-key="${CSS.escape(key)}"] .grid-open`))?.focus();
  }
}

customElements.define('lt-entities', EntitiesPage);

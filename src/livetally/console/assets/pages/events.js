/**
 * The events themselves: filtered, page by page, and one of them in full.
 *
 * In the flow: receives the definitions from the shell and the reader's choices from the address; asks for pages.
 * Guarantee: newest first in the log's total order; a link shows the same page and the same event again.
 */

import { html, nothing } from '../vendor/lit/lit-element.js';
import { get } from '../data/api.js';
import { oneEvent } from '../data/counted.js';
import { LiveList } from '../data/livelist.js';
import { Resource } from '../data/resource.js';
import { lineText, parseWhole } from '../data/whole.js';
import '../parts/event-detail.js';
import '../parts/filters.js';
import '../parts/grid.js';
import { listWords, pager } from '../parts/pager.js';
import { Part } from '../parts/part.js';
import '../parts/range-picker.js';
import { selectPicker } from '../parts/select-picker.js';
import '../parts/zone-picker.js';
import { address } from '../services.js';
import { instantText } from '../time/words.js';
import { listChoices, pathOf } from '../view/paging.js';
import './first-event.js';

/** @typedef {import('../data/contract.js').StoredEvent} StoredEvent */
/** @typedef {{ events: StoredEvent[] }} EventPage */

const ROWS = 50;

export class EventsPage extends Part {
  static properties = { catalog: { attribute: false }, held: { state: true } };

  constructor() {
    super();
    /** @type {import('../data/catalog.js').Catalog | null} */
    this.catalog = null;
    /** The events that stay while the reader has paused. @type {readonly StoredEvent[] | null} */
    this.held = null;
    /** The cursor after them. @type {string | null} */
    this.heldNext = null;
  }

  /** @type {LiveList<StoredEvent>} */
  #list = new LiveList(this, 'events', (path) => get(path, parseWhole));
  #question = '';
  /** An event that a link names and that is not on the page. @type {Resource<EventPage>} */
  #linked = new Resource(this, (path) => get(path, parseWhole));
  #onAddress = () => this.requestUpdate();

  connectedCallback() {
    super.connectedCallback();
    address.addEventListener('change', this.#onAddress);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    address.removeEventListener('change', this.#onAddress);
  }

  willUpdate() {
    const { range, tz, where } = listChoices(address.choices, Date.now());
    const type = address.choice('type');
    const question = pathOf('events', { type, from: range.from, to: range.to, tz, where, limit: ROWS });
    if (question !== this.#question) this.held = null;
    this.#question = question;
    this.#list.ask(question, address.choice('cursor'));
    const [id, time] = this.#openedName();
    const rows = this.#rows();
    this.#linked.ask(id && time && rows && !rows.some((one) => one.id === id) ? pathOf('v1/events', oneEvent({ id, time })) : '');
    this.dataset.state = rows ? 'ready' : this.#list.page.state;
    this.dataset.stale = String(this.#list.page.stale && rows !== null);
  }

  /** @returns {readonly StoredEvent[] | null} what is shown; null while it is awaited */
  #rows() {
    return this.held && !address.choice('cursor') ? this.held : this.#list.rows;
  }

  /** Id and time of the event that is open; empty when none is. @returns {[string, string]} */
  #openedName() {
    const [time = '', ...id] = (address.choice('event') ?? '').split(' ');
    return [id.join(' '), time];
  }

  /** @returns {StoredEvent | null} */
  #opened() {
    const [id] = this.#openedName();
    if (!id) return null;
    return this.#rows()?.find((one) => one.id === id) ?? this.#linked.answer?.events[0] ?? null;
  }

  render() {
    const choices = listChoices(address.choices, Date.now());
    const opened = this.#opened();
    return html`
      <div class="page-head">
        <div class="page-name"><h1>Events</h1></div>
        <div class="toolbar toolbar-short" role="group" aria-label="What is shown" @choose=${this.#onChoose}>
          ${selectPicker({ title: 'Type', name: 'type', value: address.choice('type') ?? '', options: this.#types() }, (type) =>
            address.choose({ type: type || null, cursor: null }),
          )}
          <lt-range-picker .choices=${choices}></lt-range-picker>
          <lt-zone-picker .tz=${choices.tz}></lt-zone-picker>
          ${this.#pause()}
        </div>
      </div>
      <lt-filters
        adds .where=${choices.where} .fields=${this.#fields()} example="subject:ada" @choose=${this.#onChoose}
        .problem=${this.#list.page.problem?.status === 400 ? this.#list.page.problem.message : ''}
      ></lt-filters>
      <div class="split" data-open=${opened !== null} @open=${this.#onOpen} @close=${() => address.choose({ event: null }, { keep: false })} @keydown=${this.#onKey}>
        <div class="split-list">${this.#table(choices.tz, opened)}</div>
        ${opened ? html`<lt-event-detail .event=${opened} .catalog=${this.catalog} .tz=${choices.tz}></lt-event-detail>` : nothing}
      </div>
    `;
  }

  /** @param {string} tz @param {StoredEvent | null} opened */
  #table(tz, opened) {
    const rows = this.#rows();
    const { problem, answered } = this.#list.page;
    if (problem && !rows) return listWords(html`<strong>${problem.title}</strong><br />${problem.message}`, true);
    if (!rows) return listWords(html`<p class="quiet">Reading…</p>`);
    if (!rows.length) return this.#nothing();
    return html`<div class="panel">
      <lt-grid
        label="Events" opens .columns=${columnsIn(tz)} .rows=${rows} .keyOf=${keyOf}
        .opened=${opened ? keyOf(opened) : ''} .question=${answered}
      ></lt-grid>
      ${pager({ next: this.#next(), first: 'Newest', further: 'Older' })}
    </div>`;
  }

  #next() {
    if (address.choice('cursor')) return this.#list.next;
    return this.held ? this.heldNext : this.#list.hasNext(ROWS) && (() => this.#list.nextNow());
  }

  async #hold() {
    // Asked anew, so that what is held and what comes after it belong together.
    this.heldNext = await this.#list.nextNow();
    this.held = this.#list.page.answer?.events ?? null;
  }

  /** Holding the list still, so that what is read does not move away. */
  #pause() {
    if (address.choice('cursor') || !this.#list.isLive) return nothing;
    const { held } = this;
    if (!held) return html`<button class="picker-button" data-pause @click=${() => this.#hold()}>Pause</button>`;
    const known = new Set(held.map((one) => one.id));
    const news = (this.#list.rows ?? []).filter((one) => !known.has(one.id)).length;
    const many = news === ROWS ? `${ROWS} or more` : String(news);
    return html`<button class="picker-button" data-pause aria-live="polite" @click=${() => (this.held = null)}>Go on${news ? html` <span class="news">${many} new</span>` : ''}</button>`;
  }

  #nothing() {
    const chosen = ['type', 'where', 'range', 'from', 'to', 'cursor'].some((name) => address.choice(name));
    if (!chosen) return html`<lt-first-event .example=${this.catalog?.example ?? {}}></lt-first-event>`;
    return listWords(html`<p>No event is like this.</p>
      <button class="plain" @click=${() => address.choose({ type: null, where: null, range: null, from: null, to: null, cursor: null })}>Show all</button>`);
  }

  /** @returns {[string, string][]} */
  #types() {
    const declared = new Set((this.catalog?.applications ?? []).flatMap((one) => Object.keys(one.event ?? {})));
    const chosen = address.choice('type');
    if (chosen) declared.add(chosen);
    return [['', 'All'], ...[...declared].sort().map((name) => /** @type {[string, string]} */ ([name, name]))];
  }

  #fields() {
    const type = address.choice('type');
    const events = (this.catalog?.applications ?? []).flatMap((one) => Object.entries(one.event ?? {}));
    const data = events.filter(([name]) => !type || name === type).flatMap(([, { data: fields = {} }]) => Object.keys(fields));
    return [...new Set(['subject', 'source', ...data, ...(type ? [] : ['type'])])];
  }

  /** @param {CustomEvent<Record<string, string | string[] | null>>} event */
  #onChoose(event) {
    address.choose({ ...event.detail, cursor: null });
  }

  /** @param {CustomEvent<string>} event */
  #onOpen({ detail: key }) {
    const event = this.#rows()?.find((one) => keyOf(one) === key);
    const isOpen = this.#openedName()[0] === event?.id;
    address.choose({ event: event && !isOpen ? `${event.time} ${event.id}` : null }, { keep: false });
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (event.key !== 'Escape' || !this.#opened()) return;
    address.choose({ event: null }, { keep: false });
    /** @type {HTMLElement | null} */ (this.querySelector('tr[data-opened="true"] .grid-open'))?.focus();
  }
}

/** Ids are the senders' own: two sources may use the same. @param {StoredEvent} event */
function keyOf({ source, id }) {
  return source ? `${source} ${id}` : id;
}

/** @param {string} tz @returns {import('../parts/grid.js').Column[]} */
function columnsIn(tz) {
  return [
    { name: 'time', title: 'Time', text: (/** @type {StoredEvent} */ one) => instantText(Date.parse(one.time), tz) },
    { name: 'type', title: 'Type', text: (one) => one.type },
    { name: 'subject', title: 'Subject', text: (one) => one.subject },
    { name: 'source', title: 'Source', isMinor: true, text: (one) => one.source },
    { name: 'data', title: 'Data', isLong: true, text: (one) => lineText(one.data), cell: (one) => dataLine(one.data) },
  ];
}

/** @param {Record<string, unknown>} data */
function dataLine(data) {
  return Object.entries(data).map(([name, value]) => html`<span class="pair"><span class="quiet">${name}</span> ${lineText(value)}</span>`);
}

customElements.define('lt-events', EventsPage);

/**
 * Who did what, newest first.
 *
 * In the flow: asks the server for the log, page by page; the page is in the address.
 * Guarantee: the entries are the server's words; nothing is left out or put together.
 */

import { html } from '../vendor/lit/lit-element.js';
import { Resource } from '../data/resource.js';
import { address } from '../services.js';
import { instantText } from '../time/words.js';
import { ownZone, zoneTitle } from '../time/zones.js';
import { pathOf } from '../view/paging.js';
import './grid.js';
import { listWords, pager } from './pager.js';
import { Part } from './part.js';

/** @typedef {import('../data/contract.js').AuditEntry} AuditEntry */

const ROWS = 50;

export class AuditLog extends Part {
  static properties = { cursor: {} };

  constructor() {
    super();
    this.cursor = '';
  }

  /** @type {Resource<{ entries: AuditEntry[], next: string | null }>} */
  #log = new Resource(this);

  willUpdate() {
    this.#log.ask(pathOf('v1/audit', { limit: ROWS, cursor: this.cursor }));
    this.dataset.state = this.#log.state;
    this.dataset.stale = String(this.#log.stale && this.#log.answer !== null);
  }

  render() {
    return html`
      <div class="page-head"><div class="page-name"><h1>Audit log</h1><p class="quiet">Every change to keys, teams and definitions. Times in ${zoneTitle(ownZone())}.</p></div></div>
      ${this.#list()}
    `;
  }

  #list() {
    const { answer, problem } = this.#log;
    if (problem) return listWords(html`<strong>${problem.title}</strong><br />${problem.message}`, true);
    if (!answer) return listWords(html`<p class="quiet">Reading…</p>`);
    if (!answer.entries.length) return listWords(html`<p>Nothing has been changed yet.</p>`);
    /** @type {import('./grid.js').Column[]} */
    const columns = [
      { name: 'time', title: 'Time', text: (/** @type {AuditEntry} */ one) => instantText(Date.parse(one.time), ownZone()) },
      { name: 'action', title: 'What', text: (one) => one.action },
      { name: 'target', title: 'Of what', text: (one) => one.target },
      { name: 'detail', title: 'More', isLong: true, text: (one) => one.detail },
      { name: 'team', title: 'Team', text: (one) => one.team ?? '' },
      { name: 'who', title: 'By the key', text: (one) => one.who, cell: (one) => html`<span class="code">${one.who}</span>` },
    ];
    return html`<div class="panel">
      <lt-grid label="Audit log" .columns=${columns} .rows=${answer.entries} .keyOf=${(/** @type {AuditEntry} */ one) => String(one.id)} .question=${this.#log.answered}></lt-grid>
      ${pager({ next: answer.next, first: 'Newest', further: 'Older' })}
    </div>`;
  }

  connectedCallback() {
    super.connectedCallback();
    address.addEventListener('change', this.#onAddress);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    address.removeEventListener('change', this.#onAddress);
  }

  #onAddress = () => {
    this.cursor = address.choice('cursor') ?? '';
  };
}

customElements.define('lt-audit-log', AuditLog);

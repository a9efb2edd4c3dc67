/**
 * Alerts: which bounds are watched, how they stand, when they were passed, and who was told.
 *
 * In the flow: receives the path from the shell, reads the alerts every two seconds while somebody looks.
 * Guarantee: a state that is shown is the server's; what fires stands first.
 */

import { html, nothing } from '../vendor/lit/lit-element.js';
import { Every } from '../data/every.js';
import { Resource } from '../data/resource.js';
import '../parts/alert-detail.js';
import '../parts/command.js';
import '../parts/grid.js';
import { listWords } from '../parts/pager.js';
import { Part } from '../parts/part.js';
import { address } from '../services.js';
import { STATE_WORDS, nameOf, valueText, watchedText } from '../view/alert.js';
import { distanceText } from '../view/source.js';

/** @typedef {import('../data/contract.js').Alert} Alert */

const EVERY_MS = 2_000;
/** @type {readonly Alert['state'][]} */
const ORDER = ['firing', 'pending', 'ok'];
const EXAMPLE = `[alert.many_refunds]
metric = "refunds"
window = "1 hour"
above = 50
clear = 40
notify = [{ email = "ops@example.org" }]`;

export class AlertsPage extends Part {
  static properties = { path: { attribute: false } };

  constructor() {
    super();
    /** @type {string[]} the name of the one that is open */
    this.path = [];
    new Every(this, EVERY_MS, () => this.#alerts.reload());
  }

  /** @type {Resource<{ alerts: Alert[] }>} */
  #alerts = new Resource(this);

  willUpdate() {
    this.#alerts.ask('v1/alerts');
    this.dataset.state = this.#alerts.answer ? 'ready' : this.#alerts.state;
  }

  render() {
    const { answer, problem } = this.#alerts;
    if (answer && !answer.alerts.length) return this.#none();
    return html`
      <div class="page-head"><div class="page-name"><h1>Alerts</h1>
        <p class="quiet">Bounds that metrics must not pass, and who is told when they do.</p></div></div>
      ${problem && answer ? html`<p class="problem list-problem" role="alert">${problem.title}. ${problem.message}</p>` : nothing}
      ${answer ? this.#list(answer.alerts) : problem ? listWords(html`<strong>${problem.title}</strong><br />${problem.message}`, true) : listWords(html`<p class="quiet">Reading…</p>`)}
    `;
  }

  #none() {
    return html`<section class="first">
      <h1>No alerts yet</h1>
      <p>An alert watches a metric and tells somebody by webhook, letter or NATS when it passes a bound, and again when that is
        over. It is a few lines in a definition:</p>
      <lt-command label="Lines of a definition" .text=${EXAMPLE}></lt-command>
      <p><a href=${address.linkAcross(['definitions'])}>Go to the definitions</a></p>
    </section>`;
  }

  /** @param {Alert[]} alerts */
  #list(alerts) {
    const rows = [...alerts].sort((one, other) => ORDER.indexOf(one.state) - ORDER.indexOf(other.state));
    const opened = alerts.find(({ name }) => name === this.path[0]) ?? null;
    return html`<div class="split" data-open=${opened !== null} @open=${this.#onOpen} @close=${() => this.#open('')} @keydown=${this.#onKey}>
      <div class="split-list"><div class="panel">
        <lt-grid label="Alerts" opens .columns=${this.#columns()} .rows=${rows} .keyOf=${(/** @type {Alert} */ one) => one.name} .opened=${opened?.name ?? ''} question="alerts"></lt-grid>
      </div></div>
      ${opened ? html`<lt-alert-detail .alert=${opened} .now=${Date.now()}></lt-alert-detail>` : nothing}
    </div>`;
  }

  /** @returns {import('../parts/grid.js').Column[]} */
  #columns() {
    const now = Date.now();
    return [
      { name: 'name', title: 'Alert', text: nameOf },
      { name: 'state', title: 'State', text: (/** @type {Alert} */ one) => STATE_WORDS[one.state], cell: ({ state }) => html`<span class="state" data-alert-state=${state}>${STATE_WORDS[/** @type {Alert['state']} */ (state)]}</span>` },
      // Compared is the moment: that it is farther off by a second is no news.
      { name: 'since', title: 'Since', text: ({ since }) => since ?? '', cell: ({ since }) => (since ? distanceText(Date.parse(since), now) : '–') },
      { name: 'watched', title: 'Watched', text: watchedText },
      { name: 'condition', title: 'Condition', isMinor: true, text: (/** @type {Alert} */ one) => one.condition },
      { name: 'value', title: 'Value', isNumber: true, text: valueText },
    ];
  }

  /** @param {CustomEvent<string>} event */
  #onOpen({ detail: name }) {
    this.#open(name === this.path[0] ? '' : name);
  }

  /** @param {string} name */
  #open(name) {
    address.go(name ? ['alerts', name] : ['alerts']);
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const [name] = this.path;
    if (event.key !== 'Escape' || !name) return;
    this.#open('');
    /** @type {HTMLElement | null} */ (this.querySelector(`tr[data-key="${CSS.escape(name)}"] .grid-open`))?.focus();
  }
}

customElements.define('lt-alerts', AlertsPage);

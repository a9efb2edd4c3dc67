/**
 * One alert: its bound, how it stands, when it fired and ended, and who was told.
 *
 * In the flow: receives an alert from the page; closes by a `close` event.
 * Guarantee: its changes are read anew whenever its state is another one; moments have their zone.
 */

import { html, nothing } from '../vendor/lit/lit-element.js';
import { Resource } from '../data/resource.js';
import { address } from '../services.js';
import { instantText } from '../time/words.js';
import { ownZone, zoneTitle } from '../time/zones.js';
import { STATE_WORDS, fateText, lengthText, nameOf, valueText, watchedText } from '../view/alert.js';
import { distanceText } from '../view/source.js';
import { Part } from './part.js';

/** @typedef {import('../data/contract.js').Alert} Alert */
/** @typedef {import('../data/contract.js').AlertChange} AlertChange */

const SHOWN = 20;

export class AlertDetail extends Part {
  static properties = { alert: { attribute: false }, now: { attribute: false } };

  constructor() {
    super();
    /** @type {Alert | null} */
    this.alert = null;
    this.now = Date.now();
  }

  /** @type {Resource<{ changes: AlertChange[] }>} */
  #changes = new Resource(this);
  #name = '';
  #checked = '';

  willUpdate() {
    const { alert } = this;
    if (!alert) return;
    this.#changes.ask(`v1/alerts/${encodeURIComponent(alert.name)}/changes?limit=${SHOWN}`);
    // Messages are delivered after the state has changed, so every look may bring news.
    const checked = `${alert.name} ${alert.checked}`;
    if (this.#checked && this.#checked !== checked) this.#changes.reload();
    this.#checked = checked;
  }

  updated() {
    // Beside the list it is in sight already.
    if (this.alert && this.alert.name !== this.#name) this.scrollIntoView({ block: 'nearest' });
    this.#name = this.alert?.name ?? '';
  }

  render() {
    const { alert } = this;
    if (!alert) return nothing;
    return html`<section class="panel detail" aria-label="Alert ${alert.name}">
      <header class="panel-head">
        <h2>${nameOf(alert)}</h2>
        ${alert.description ? html`<p class="panel-about">${alert.description}</p>` : nothing}
        <button class="plain" data-close @click=${() => this.dispatchEvent(new CustomEvent('close', { bubbles: true }))}>Close</button>
      </header>
      ${alert.last_error ? html`<div class="source-error" role="status"><p class="problem"><strong>It can't be measured now</strong></p><p>${alert.last_error}</p></div>` : nothing}
      <dl class="facts">
        <dt>State</dt><dd><span class="state" data-alert-state=${alert.state}>${STATE_WORDS[alert.state]}</span> ${alert.since ? html`<span class="quiet">since</span> ${this.#moment(alert.since)}` : nothing}</dd>
        <dt>Watched</dt><dd>${watchedText(alert)}</dd>
        ${alert.where.map((one) => html`<dt>Where</dt><dd class="code">${one}</dd>`)}
        <dt>Condition</dt><dd>${alert.measure === 'change' ? 'change ' : ''}${alert.condition}${alert.for_seconds ? `, for ${lengthText(alert.for_seconds)}` : ''}</dd>
        <dt>Value</dt><dd>${valueText(alert)}</dd>
        <dt>Looked at</dt><dd>every ${lengthText(alert.every_seconds)}${alert.checked ? html`, last ${this.#moment(alert.checked)}` : nothing}</dd>
        <dt>Tells</dt><dd>${alert.notify.length ? alert.notify.join(', ') : html`<span class="quiet">nobody</span>`}</dd>
        <dt>Definition</dt><dd><a href=${address.linkAcross(['definitions', alert.application])}>${alert.application}</a></dd>
      </dl>
      <h3>When it fired and ended</h3>
      ${this.#history(alert)}
    </section>`;
  }

  /** @param {Alert} alert */
  #history(alert) {
    const { answer, problem } = this.#changes;
    if (!answer) return html`<p class=${problem ? 'problem' : 'quiet'}>${problem ? problem.message : 'Reading…'}</p>`;
    if (!answer.changes.length) return html`<p class="quiet">It has not fired yet.</p>`;
    return html`<ol class="timeline">${answer.changes.map((change) => html`<li>
      <p><span class="state" data-alert-state=${change.state}>${STATE_WORDS[change.state]}</span> at ${valueText({ ...change, measure: alert.measure })}</p>
      <p class="quiet">${this.#moment(change.time)}</p>
      ${change.messages.map((one) => html`<p class="quiet">${one.to}: <span class=${one.delivered ? '' : 'problem'}>${fateText(one)}${one.last_error && !one.delivered ? `: ${one.last_error}` : ''}</span></p>`)}
    </li>`)}</ol>`;
  }

  /** @param {string} time */
  #moment(time) {
    const ms = Date.parse(time);
    return html`${instantText(ms, ownZone())} <span class="quiet">${zoneTitle(ownZone())}, ${distanceText(ms, this.now)}</span>`;
  }
}

customElements.define('lt-alert-detail', AlertDetail);

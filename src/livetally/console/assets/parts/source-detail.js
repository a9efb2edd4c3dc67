/**
 * One source: where it fetches, how that went, what it brought, and its schedule.
 *
 * In the flow: receives a source from the page; closes by a `close` event.
 * Guarantee: the last error is shown whole; moments have their zone.
 */

import { html, nothing } from '../vendor/lit/lit-element.js';
import { address, session } from '../services.js';
import { instantText } from '../time/words.js';
import { ownZone, zoneTitle } from '../time/zones.js';
import { STATE_WORDS, countText, distanceText, isBusy, nameOf, stateOf } from '../view/source.js';
import { Part } from './part.js';
import './schedule-form.js';

/** @typedef {import('../data/contract.js').Source} Source */

export class SourceDetail extends Part {
  static properties = { source: { attribute: false }, now: { attribute: false } };

  constructor() {
    super();
    /** @type {Source | null} */
    this.source = null;
    this.now = Date.now();
  }

  #name = '';

  updated() {
    // Beside the list it is in sight already.
    if (this.source && this.source.name !== this.#name) this.scrollIntoView({ block: 'nearest' });
    this.#name = this.source?.name ?? '';
  }

  render() {
    const { source } = this;
    if (!source) return nothing;
    const state = stateOf(source);
    return html`<section class="panel detail" aria-label="Source ${source.name}">
      <header class="panel-head">
        <h2>${nameOf(source)}</h2>
        <p class="panel-about">${source.description ? `${source.description} ` : ''}Times in ${zoneTitle(ownZone())}.</p>
        <button class="plain" data-close @click=${() => this.dispatchEvent(new CustomEvent('close', { bubbles: true }))}>Close</button>
      </header>
      ${source.last_error ? this.#error(source, source.last_error) : nothing}
      <dl class="facts">
        <dt>State</dt><dd><span class="state" data-source-state=${state}>${STATE_WORDS[state]}</span>${source.held_by ? html` <span class="quiet">by ${source.held_by}</span>` : nothing}</dd>
        <dt>Last run</dt><dd>${this.#moment(source.last, 'none yet')}</dd>
        <dt>Last success</dt><dd>${this.#moment(source.last_ok, 'none yet')}</dd>
        <dt>Next run</dt><dd>${isBusy(source) ? 'now' : this.#moment(source.next, 'when it is started')}</dd>
        <dt>Schedule</dt><dd>${source.schedule}${source.schedule_of === 'person' ? html` <span class="quiet">set here, not in the definition</span>` : nothing}</dd>
        <dt>Runs</dt><dd>${countText(source.runs)}</dd>
        <dt>Events</dt><dd>${countText(source.stored)} stored, ${countText(source.duplicates)} repeated, ${countText(source.rejected)} rejected</dd>
        ${source.cursor ? html`<dt>Asks from</dt><dd class="code">${source.cursor}</dd>` : nothing}
        <dt>Address</dt><dd class="code">${source.url}</dd>
        <dt>Definition</dt><dd><a href=${address.linkAcross(['definitions', source.application])}>${source.application}</a></dd>
      </dl>
      ${session.may('admin') && source.schedule_of !== 'messages' ? html`<h3>Change its schedule</h3><lt-schedule-form .source=${source}></lt-schedule-form>` : nothing}
    </section>`;
  }

  /** @param {Source} source @param {string} text */
  #error({ failures = 0 }, text) {
    return html`<div class="source-error" role="status">
      <p class="problem"><strong>${failures > 1 ? `The last ${failures} runs failed` : 'The last run failed'}</strong></p>
      <p>${text}</p>
    </div>`;
  }

  /** @param {string | null | undefined} time @param {string} otherwise */
  #moment(time, otherwise) {
    if (!time) return html`<span class="quiet">${otherwise}</span>`;
    const ms = Date.parse(time);
    return html`${instantText(ms, ownZone())} <span class="quiet">${distanceText(ms, this.now)}</span>`;
  }
}

customElements.define('lt-source-detail', SourceDetail);

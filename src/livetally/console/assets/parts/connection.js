/**
 * Says whether what is on screen is live, and at which position of the log.
 *
 * In the flow: receives the state of the stream from `data/live.js`, shows it in words.
 * Guarantee: the state is never told by colour alone, and a break is announced to a screen reader.
 */

import { html, nothing } from '../vendor/lit/lit-element.js';
import { live } from '../services.js';
import { positionText } from '../view/numbers.js';
import { Part } from './part.js';

/** @type {Record<import('../data/stream.js').Status, string>} */
const WORDS = {
  idle: '',
  connecting: 'Connecting',
  live: 'Live',
  reconnecting: 'Reconnecting',
  offline: 'Offline',
  resting: 'Paused',
};

export class Connection extends Part {
  #onStatus = () => this.requestUpdate();

  connectedCallback() {
    super.connectedCallback();
    live.addEventListener('status', this.#onStatus);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    live.removeEventListener('status', this.#onStatus);
  }

  render() {
    this.dataset.state = live.status;
    this.dataset.position = String(live.position);
    if (live.status === 'idle') return nothing;
    const about = 'Every number on this page is at this position of the log of events, or later.';
    return html`<span class="connection" title=${about}>
      <span role="status" class="connection-state">${WORDS[live.status]}</span>
      ${live.position ? html`<span class="quiet connection-position">position ${positionText(live.position)}</span>` : nothing}
    </span>`;
  }
}

customElements.define('lt-connection', Connection);

/**
 * What a page says while there is nothing to show: how to send the first event, or how to define the first metric.
 *
 * In the flow: receives what is missing from the shell or the dashboard, shows the command that mends it.
 * Guarantee: nobody needs another page or a reload; the page behind it stays subscribed and takes over.
 */

import { html } from '../vendor/lit/lit-element.js';
import { addressOf } from '../data/api.js';
import { Part } from '../parts/part.js';
import '../parts/command.js';

export class FirstEvent extends Part {
  static properties = { example: { attribute: false }, missing: {} };

  constructor() {
    super();
    /** @type {object} an event that the definitions take */
    this.example = {};
    /** @type {'events' | 'metrics'} */
    this.missing = 'events';
  }

  render() {
    return html`<section class="first">${this.missing === 'events' ? this.#events() : this.#metrics()}</section>`;
  }

  #events() {
    const lines = [
      `curl ${addressOf('v1/events')} \\`,
      '  -H "Authorization: Bearer $LIVETALLY_KEY" \\',
      '  -H "Content-Type: application/json" \\',
      `  -d '${JSON.stringify(this.example)}'`,
    ];
    return html`<h2>No events yet</h2>
      <p>Send the first one. It appears here by itself, as soon as the server has stored it.</p>
      <lt-command .text=${lines.join('\n')}></lt-command>
      <p class="quiet">Have many already? <code>livetally import FILE</code> takes CSV and JSON lines.</p>`;
  }

  #metrics() {
    const lines = ['livetally check shop.toml', 'livetally apply shop.toml'];
    return html`<h2>No metrics yet</h2>
      <p>A metric is a few lines in a TOML file. One that is defined today answers over all events that are stored already.</p>
      <lt-command .text=${lines.join('\n')}></lt-command>
      <p><button class="plain" @click=${() => window.location.reload()}>Look again</button></p>`;
  }
}

customElements.define('lt-first-event', FirstEvent);

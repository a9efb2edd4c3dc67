/**
 * Keys, teams and the log of changes: who may do what, and who did.
 *
 * In the flow: receives the path from the shell, shows one of three lists.
 * Guarantee: teams are shown to operators only; the server decides, this page only hides what it would refuse.
 */

import { html, nothing } from '../vendor/lit/lit-element.js';
import '../parts/audit-log.js';
import '../parts/key-list.js';
import { Part } from '../parts/part.js';
import '../parts/team-list.js';
import { address, session } from '../services.js';

export class KeysPage extends Part {
  static properties = { path: { attribute: false } };

  constructor() {
    super();
    /** @type {string[]} empty, `teams` or `audit` */
    this.path = [];
  }

  render() {
    const [here = ''] = this.path;
    const tabs = [['', 'Keys'], ...(session.may('operator') ? [['teams', 'Teams']] : []), ['audit', 'Audit log']];
    return html`
      <nav class="tabs" aria-label="Keys and teams">
        ${tabs.map(([name = '', title]) => html`<a href=${address.linkAcross(name ? ['keys', name] : ['keys'])} aria-current=${name === here ? 'page' : nothing}>${title}</a>`)}
      </nav>
      ${here === 'teams' ? html`<lt-team-list></lt-team-list>` : here === 'audit' ? html`<lt-audit-log .cursor=${address.choice('cursor') ?? ''}></lt-audit-log>` : html`<lt-key-list></lt-key-list>`}
    `;
  }
}

customElements.define('lt-keys', KeysPage);

/**
 * Entities on a dashboard: a few of one kind, with what can be done to each.
 *
 * In the flow: receives a panel from the dashboard, which loads this module when it has one; hands the address the
 * entity to open.
 * Guarantee: the same table as on the page of entities, with the panel's own conditions.
 */

import { html, nothing } from '../vendor/lit/lit-element.js';
import { sentence } from '../data/catalog.js';
import { address } from '../services.js';
import './entity-table.js';
import { Part, uniqueId } from './part.js';

const SHOWN = 10;

export class EntityPanel extends Part {
  static properties = { panel: { attribute: false }, tz: {}, sort: { state: true } };

  constructor() {
    super();
    /** @type {import('../data/catalog.js').Panel | null} */
    this.panel = null;
    this.tz = 'UTC';
    this.sort = '';
  }

  #id = uniqueId('entities');

  render() {
    const { panel } = this;
    if (!panel?.entity) return nothing;
    const [name, entity] = panel.entity;
    const all = address.linkAcross(['entities', name], { where: panel.where });
    return html`<section class="panel" aria-labelledby=${this.#id}
      @open=${(/** @type {CustomEvent<string>} */ event) => address.goAcross(['entities', name, event.detail])}
      @sort=${(/** @type {CustomEvent<string>} */ event) => (this.sort = event.detail)}>
      <header class="panel-head">
        <h2 id=${this.#id}>${panel.title || entity.title || sentence(name)}</h2>
        <a class="plain" href=${all}>Show all</a>
      </header>
      <lt-entity-table
        class="panel-body" opens .name=${name} .entity=${entity} .where=${panel.where} .sort=${this.sort} .limit=${panel.limit ?? SHOWN} .tz=${this.tz}
      ></lt-entity-table>
    </section>`;
  }
}

customElements.define('lt-entity-panel', EntityPanel);

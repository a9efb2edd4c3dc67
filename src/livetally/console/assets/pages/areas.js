/**
 * The kinds of pages: their names, who may see them, and the module of each.
 *
 * In the flow: read by the shell, which shows the ways to them and loads a module when its page is opened.
 * Guarantee: a way is shown only to who may go it; what nobody opens is not loaded.
 */

import { html } from '../vendor/lit/lit-element.js';

/** @typedef {import('../data/catalog.js').Catalog} Catalog */

/**
 * @typedef {object} Area
 * @property {string} name the first part of its address
 * @property {string} title
 * @property {string} scope that a key needs
 * @property {() => Promise<unknown>} load
 * @property {(path: string[], catalog: Catalog) => unknown} render once its module is loaded
 */

/** Dashboards come first and are loaded with the frame. @type {readonly Area[]} */
export const AREAS = [
  {
    ...{ name: 'explore', title: 'Explore', scope: 'read' },
    load: () => import('./explore.js'),
    render: (_path, catalog) => html`<lt-explore .catalog=${catalog}></lt-explore>`,
  },
  {
    ...{ name: 'events', title: 'Events', scope: 'read' },
    load: () => import('./events.js'),
    render: (_path, catalog) => html`<lt-events .catalog=${catalog}></lt-events>`,
  },
  {
    ...{ name: 'entities', title: 'Entities', scope: 'read' },
    load: () => import('./entities.js'),
    render: (path, catalog) => html`<lt-entities .path=${path} .catalog=${catalog}></lt-entities>`,
  },
  {
    ...{ name: 'sources', title: 'Sources', scope: 'read' },
    load: () => import('./sources.js'),
    render: (path) => html`<lt-sources .path=${path}></lt-sources>`,
  },
  {
    ...{ name: 'alerts', title: 'Alerts', scope: 'read' },
    load: () => import('./alerts.js'),
    render: (path) => html`<lt-alerts .path=${path}></lt-alerts>`,
  },
  {
    ...{ name: 'keys', title: 'Keys', scope: 'admin' },
    load: () => import('./keys.js'),
    render: (path) => html`<lt-keys .path=${path}></lt-keys>`,
  },
  {
    ...{ name: 'definitions', title: 'Definitions', scope: 'read' },
    load: () => import('./definitions.js'),
    render: (path, catalog) => html`<lt-definitions .path=${path} .catalog=${catalog}></lt-definitions>`,
  },
  {
    ...{ name: 'health', title: 'Health', scope: 'operator' },
    load: () => import('./health.js'),
    render: () => html`<lt-health></lt-health>`,
  },
];

/**
 * Definitions: read, change, apply, and go back to what was applied before.
 *
 * In the flow: receives the applications from the shell; asks for a text and its versions; tells the shell when
 * something was applied (`definitions-changed` event).
 * Guarantee: what was typed is not lost by applying, nor by a mistake; going back shows its plan first, like any change.
 */

import { html, nothing } from '../vendor/lit/lit-element.js';
import { getText } from '../data/api.js';
import { Resource } from '../data/resource.js';
import '../parts/editor.js';
import { listWords } from '../parts/pager.js';
import { Part } from '../parts/part.js';
import '../parts/plan.js';
import '../parts/removal.js';
import { address, session } from '../services.js';
import { instantText } from '../time/words.js';
import { ownZone, zoneTitle } from '../time/zones.js';

/** @typedef {import('../data/contract.js').Version} Version */
/** @typedef {{ versions: Version[], holds_for: 'team' | 'all teams' | null }} History */

const NEW = 'new';
const TEMPLATE = `application = "shop"

[event."order.placed"]
description = "A customer has placed an order."
data.total = { type = "decimal", scale = 2, required = true }
data.channel = { type = "string" }

[metric.orders]
title = "Orders"
event = "order.placed"
aggregate = "count"
by = ["channel"]
`;

export class DefinitionsPage extends Part {
  static properties = {
    path: { attribute: false },
    catalog: { attribute: false },
    text: { state: true },
    marked: { state: true },
    shownVersion: { state: true },
  };

  constructor() {
    super();
    /** @type {string[]} the application's name */
    this.path = [];
    /** @type {import('../data/catalog.js').Catalog | null} */
    this.catalog = null;
    /** What is in the editor; null: what is applied. @type {string | null} */
    this.text = null;
    /** @type {ReadonlySet<number>} */
    this.marked = new Set();
    /** The version whose text was taken into the editor. @type {number | null} */
    this.shownVersion = null;
  }

  /** @type {Resource<string>} */
  #applied = new Resource(this, (path) => getText(path, 'application/toml'));
  /** @type {Resource<History>} */
  #versions = new Resource(this);
  #here = '';

  willUpdate() {
    const here = this.#name();
    if (here !== this.#here) {
      this.text = null;
      this.marked = new Set();
      this.shownVersion = null;
    }
    this.#here = here;
    const path = here === NEW ? '' : `v1/definitions/${encodeURIComponent(here)}`;
    this.#applied.ask(path);
    this.#versions.ask(path && session.may('admin') ? `${path}/versions` : '');
    this.dataset.state = here === NEW ? 'ready' : this.#applied.state;
  }

  #name() {
    return this.path[0] ?? this.catalog?.applications[0]?.name ?? NEW;
  }

  render() {
    const here = this.#name();
    const mayChange = session.may('admin');
    return html`
      ${this.#tabs(here, mayChange)}
      <div class="page-head"><div class="page-name"><h1>${here === NEW ? 'New application' : here}</h1>
        <p class="quiet">Which events it sends, and which questions it asks of them. What is applied answers over all events at once.</p></div></div>
      <div class="split" data-open="true" @line=${this.#onLine} @applied=${this.#onApplied} @removed=${this.#onRemoved}>
        <div class="split-list">${this.#editor(here, mayChange)}</div>
        <div class="definition-side">
          ${mayChange ? html`<section class="panel plan-panel"><lt-plan .text=${this.#shown(here) ?? ''} .applied=${this.#appliedText(here)}></lt-plan>${this.#hint(here)}</section>` : nothing}
          ${this.#history()}
        </div>
      </div>
    `;
  }

  /** @param {string} here @param {boolean} mayChange */
  #tabs(here, mayChange) {
    const names = (this.catalog?.applications ?? []).map(({ name }) => name);
    return html`<nav class="tabs" aria-label="Applications">
      ${names.map((name) => html`<a href=${address.linkAcross(['definitions', name])} aria-current=${name === here ? 'page' : nothing}>${name}</a>`)}
      ${mayChange ? html`<a href=${address.linkAcross(['definitions', NEW])} aria-current=${here === NEW ? 'page' : nothing}>New application</a>` : nothing}
    </nav>`;
  }

  /** @param {string} here @returns {string | null} the text in the editor; null while it is awaited */
  #shown(here) {
    if (this.text !== null) return this.text;
    return here === NEW ? TEMPLATE : this.#applied.answer;
  }

  /** @param {string} here */
  #appliedText(here) {
    return here === NEW ? '' : (this.#applied.answer ?? '');
  }

  /** @param {string} here @param {boolean} mayChange */
  #editor(here, mayChange) {
    const text = this.#shown(here);
    const { problem } = this.#applied;
    if (text === null && problem?.status === 404 && this.#versions.answer) return listWords(html`<p>“${here}” is not applied any more. Its versions are kept: go back to one of them, and it holds again.</p>`);
    if (text === null && problem) return listWords(html`<strong>${problem.title}</strong><br />${problem.message}`, true);
    if (text === null) return listWords(html`<p class="quiet">Reading…</p>`);
    return html`<lt-editor
      label="Definition of ${here}" .text=${text} .marked=${this.marked} ?fixed=${!mayChange}
      @edit=${(/** @type {CustomEvent<string>} */ event) => (this.text = event.detail)}
    ></lt-editor>`;
  }

  /** @param {string} here */
  #hint(here) {
    const changed = this.#shown(here) !== this.#appliedText(here);
    if (!changed) return html`<p class="quiet">Change the text, and what that means is said here before anything is applied.</p>`;
    if (here === NEW) return nothing;
    return html`<p><button class="plain plan-reset" @click=${() => this.#reset()}>Back to what is applied</button></p>`;
  }

  #history() {
    const { answer, problem } = this.#versions;
    if (problem && problem.status !== 404) return html`<section class="panel"><p role="alert">${problem.message}</p></section>`;
    if (!answer) return nothing;
    return html`<section class="panel versions" aria-label="Versions">
      <h2>Versions <span class="unit">times in ${zoneTitle(ownZone())}</span></h2>
      ${answer.holds_for === 'all teams' ? html`<p class="quiet">What is applied holds for all teams. What you apply here takes its place for this team alone.</p>` : nothing}
      <ul>${answer.versions.map((one) => this.#version(one))}</ul>
      ${this.#removal(answer)}
    </section>`;
  }

  /** @param {History} history */
  #removal({ holds_for: holder }) {
    if (holder === null || (holder === 'all teams' && !session.may('operator'))) return nothing;
    return html`<lt-removal .application=${this.#here} ?shared=${holder === 'all teams'}></lt-removal>`;
  }

  /** @param {Version} version */
  #version({ version, applied, by, active }) {
    return html`<li data-version=${version}>
      <span><strong>${version}</strong> ${instantText(Date.parse(applied), ownZone())} <span class="quiet">by ${by}</span></span>
      ${active
        ? html`<span class="quiet">applied</span>`
        : html`<button class="small" aria-pressed=${this.shownVersion === version} @click=${() => this.#take(version)}>Go back to it</button>`}
    </li>`;
  }

  /** Take an older text into the editor; its plan says what going back would change. @param {number} version */
  async #take(version) {
    const path = `v1/definitions/${encodeURIComponent(this.#here)}/versions/${version}`;
    this.text = await getText(path, 'application/toml');
    this.shownVersion = version;
  }

  #reset() {
    this.text = null;
    this.shownVersion = null;
  }

  /** @param {CustomEvent<{ lines: number[], goTo?: number }>} event */
  #onLine({ detail: { lines, goTo } }) {
    this.marked = new Set(lines);
    if (goTo) /** @type {import('../parts/editor.js').Editor | null} */ (this.querySelector('lt-editor'))?.goTo(goTo);
  }

  /** @param {CustomEvent<{ application: string, text: string }>} event */
  async #onApplied({ detail: { application, text } }) {
    this.shownVersion = null;
    if (application === this.#here) {
      this.#applied.replace(text);
      this.text = null;
      await this.#versions.reload();
    } else {
      address.goAcross(['definitions', application]);
    }
    this.dispatchEvent(new CustomEvent('definitions-changed', { bubbles: true }));
  }

  async #onRemoved() {
    this.#reset();
    // The address stays, so that its versions are there to go back to.
    address.goAcross(['definitions', this.#here]);
    await Promise.all([this.#applied.reload(), this.#versions.reload()]);
    this.dispatchEvent(new CustomEvent('definitions-changed', { bubbles: true }));
  }
}

customElements.define('lt-definitions', DefinitionsPage);

/**
 * The teams: how many queries each of their keys has, which pages may ask, and acting for one of them.
 *
 * In the flow: asks the server for the teams, for operators; makes them and changes their settings.
 * Guarantee: what is not changed in the form is not sent.
 */

import { html, nothing } from '../vendor/lit/lit-element.js';
import { Problem, send } from '../data/api.js';
import { Resource } from '../data/resource.js';
import { address, session } from '../services.js';
import './grid.js';
import { whenText } from './key-list.js';
import { listWords } from './pager.js';
import { Part, uniqueId } from './part.js';

/** @typedef {import('../data/contract.js').Team} Team */

export class TeamList extends Part {
  static properties = { changing: { state: true }, problem: { state: true } };

  constructor() {
    super();
    /** The name of the team whose settings are open. */
    this.changing = '';
    this.problem = '';
  }

  #id = uniqueId('team');
  /** @type {Resource<{ teams: Team[] }>} */
  #teams = new Resource(this);

  willUpdate() {
    this.#teams.ask('v1/teams');
    this.dataset.state = this.#teams.state;
  }

  render() {
    const changed = this.#teams.answer?.teams.find(({ name }) => name === this.changing);
    return html`
      <div class="page-head">
        <div class="page-name"><h1>Teams</h1><p class="quiet">Each team sees its own events and numbers only.</p></div>
        ${session.may('operator') ? this.#newForm() : nothing}
      </div>
      ${this.problem ? html`<p class="problem" role="alert">${this.problem}</p>` : nothing}
      ${changed ? this.#settings(changed) : nothing}
      ${this.#list()}
    `;
  }

  #newForm() {
    return html`<form class="filter-form" @submit=${this.#onCreate} novalidate>
      <label class="unseen" for="${this.#id}-name">Name of a new team</label>
      <input id="${this.#id}-name" name="name" autocomplete="off" spellcheck="false" autocapitalize="off" placeholder="Name, such as blue" />
      <button class="strong">Create team</button>
    </form>`;
  }

  #list() {
    const { answer, problem } = this.#teams;
    if (problem) return listWords(html`<strong>${problem.title}</strong><br />${problem.message}`, true);
    if (!answer) return listWords(html`<p class="quiet">Reading…</p>`);
    /** @type {import('./grid.js').Column[]} */
    const columns = [
      { name: 'name', title: 'Name', text: (/** @type {Team} */ team) => team.name },
      { name: 'created', title: 'Created', isMinor: true, text: (team) => whenText(team.created_us) },
      { name: 'queries', title: 'Queries an hour for each key', isNumber: true, text: (team) => (team.queries_per_hour === null ? 'the server’s default' : String(team.queries_per_hour)) },
      { name: 'origins', title: 'Pages that may ask', text: (team) => team.allowed_origins.join(', ') || 'none but this console' },
      { name: 'actions', title: 'Actions', text: () => '', cell: (team) => this.#actions(team) },
    ];
    return html`<div class="panel"><lt-grid label="Teams" .columns=${columns} .rows=${answer.teams} .keyOf=${(/** @type {Team} */ team) => team.name} question="teams"></lt-grid></div>`;
  }

  /** @param {Team} team */
  #actions({ name }) {
    if (!session.may('operator')) return nothing;
    const here = (address.choice('team') ?? session.who?.team) === name;
    return html`<span class="row-actions">
      ${here ? html`<span class="quiet">shown now</span>` : html`<button class="small" data-act-for=${name} @click=${() => this.#actFor(name)}>Act for it</button>`}
      <button class="small" aria-expanded=${this.changing === name} @click=${() => (this.changing = this.changing === name ? '' : name)}>Settings</button>
    </span>`;
  }

  /** @param {string} name */
  #actFor(name) {
    address.goAcross(['keys'], { team: name === session.who?.team ? [] : name });
  }

  /** @param {Team} team */
  #settings(team) {
    return html`<form class="panel key-form" @submit=${(/** @type {SubmitEvent} */ event) => this.#onChange(event, team)} novalidate>
      <h2>${team.name}</h2>
      <label for="${this.#id}-limit">Queries an hour for each key</label>
      <input id="${this.#id}-limit" name="limit" inputmode="numeric" .value=${team.queries_per_hour === null ? '' : String(team.queries_per_hour)} placeholder="the server’s default" />
      <label for="${this.#id}-origins">Pages of other origins that may ask, one a line</label>
      <textarea id="${this.#id}-origins" name="origins" rows="3" spellcheck="false" placeholder="https://shop.example" .value=${team.allowed_origins.join('\n')}></textarea>
      <div class="form-buttons"><button class="strong">Save</button><button class="plain" type="button" @click=${() => (this.changing = '')}>Cancel</button></div>
    </form>`;
  }

  /** @param {SubmitEvent} event */
  async #onCreate(event) {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target);
    const done = await this.#change('POST', 'v1/teams', { name: String(new FormData(form).get('name') ?? '').trim() });
    if (done) form.reset();
  }

  /** @param {SubmitEvent} event @param {Team} team */
  async #onChange(event, team) {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
    const text = String(form.get('limit') ?? '').trim();
    if (text && !/^\d{1,9}$/.test(text)) {
      this.problem = 'Queries an hour are a whole number, or nothing for the server’s default.';
      return;
    }
    const limit = text ? Number(text) : null;
    const origins = String(form.get('origins') ?? '').split(/\s+/).filter(Boolean);
    const changes = {
      ...(limit === team.queries_per_hour ? {} : { queries_per_hour: limit }),
      ...(origins.join() === team.allowed_origins.join() ? {} : { allowed_origins: origins }),
    };
    if (await this.#change('PATCH', `v1/teams/${encodeURIComponent(team.name)}`, changes)) this.changing = '';
  }

  /** @param {'POST' | 'PATCH'} method @param {string} path @param {unknown} body */
  async #change(method, path, body) {
    try {
      this.problem = '';
      await send(method, path, body);
    } catch (error) {
      this.problem = error instanceof Problem ? error.message : String(error);
    }
    await this.#teams.reload();
    return !this.problem;
  }
}

customElements.define('lt-team-list', TeamList);

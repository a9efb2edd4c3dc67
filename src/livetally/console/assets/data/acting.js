/**
 * What is done to entities: shown at once, sent, and put right by what the server answers.
 *
 * In the flow: receives an action from the table of entities, hands the state to show until the server's own is here.
 * Guarantee: what is shown ahead of the server is taken back when it refuses; the reason is kept in its words.
 */

import { Problem, get, send } from './api.js';

/** @typedef {import('./contract.js').Entity} Entity */
/** @typedef {import('./contract.js').EntityState} EntityState */

/**
 * @typedef {object} Doing what was last done to one entity
 * @property {'sending' | 'done' | 'refused'} step
 * @property {string} action
 * @property {string} words for people
 * @property {Record<string, unknown>} ahead fields as they are expected to be
 * @property {number} version of the state on which it was done
 * @property {string | null} undo the action that takes it back
 */

export class Acting {
  /** @param {{ requestUpdate: () => void }} host */
  constructor(host) {
    this.#host = host;
    /** @type {Map<string, Doing>} by key */
    this.doings = new Map();
  }

  #host;

  /**
   * @param {string} name of the entity
   * @param {Entity} entity
   * @param {EntityState} state
   * @param {string} action
   * @param {Record<string, unknown>} given parameters
   * @returns {Promise<EntityState | null>} the state after it; null when it was refused
   */
  async act(name, entity, state, action, given) {
    const { undo = null, title, data = {} } = entity.actions?.[action] ?? { event: '' };
    const path = `v1/entities/${encodeURIComponent(name)}/${encodeURIComponent(state.key)}`;
    const doing = { action, ahead: aheadOf(entity, data, given), version: state.version, undo };
    this.#say(state.key, { ...doing, step: 'sending', words: `${title || action}…` });
    try {
      await send('POST', `${path}/actions/${encodeURIComponent(action)}`, given);
      const after = await get(path);
      this.#say(state.key, { ...doing, step: 'done', words: `${title || action}: done`, ahead: {}, version: after.version });
      return after;
    } catch (error) {
      this.#say(state.key, { ...doing, step: 'refused', words: refusalText(error), ahead: {}, undo: null });
      return null;
    }
  }

  /** The state to show: the server's, with what was just done on top while that is on its way. @param {EntityState} state @returns {EntityState} */
  shown(state) {
    const doing = this.doings.get(state.key);
    if (doing?.step !== 'sending' || state.version > doing.version) return state;
    return { ...state, fields: { ...state.fields, ...doing.ahead }, actions: [] };
  }

  /** @param {string} key */
  forget(key) {
    this.doings.delete(key);
    this.#host.requestUpdate();
  }

  /** @param {string} key @param {Doing} doing */
  #say(key, doing) {
    this.doings.set(key, doing);
    this.#host.requestUpdate();
  }
}

const PLACE = /^\{([A-Za-z_]\w*)\}$/;
const PLACES = /\{([A-Za-z_]\w*)\}/g;
const KNOWN = new Set(['key', 'caller']);

/** The parameters that an action has to be given. @param {import('./contract.js').Action} action @returns {string[]} */
export function parametersOf({ data = {} }) {
  const texts = JSON.stringify(data).replaceAll('{{', '').replaceAll('}}', '');
  return [...new Set(Array.from(texts.matchAll(PLACES), (found) => found[1] ?? ''))].filter((name) => !KNOWN.has(name));
}

/**
 * What the fields will be, as far as the definition says: those that are the latest of what the action sends.
 * @param {Entity} entity
 * @param {Record<string, unknown>} data
 * @param {Record<string, unknown>} given
 */
function aheadOf(entity, data, given) {
  /** @type {Record<string, unknown>} */
  const ahead = {};
  for (const [field, { latest }] of Object.entries(entity.fields ?? {})) {
    const value = latest === undefined ? undefined : data[latest.replace(/^data\./, '')];
    const place = typeof value === 'string' ? PLACE.exec(value)?.[1] : undefined;
    if (place && place in given) ahead[field] = given[place];
    else if (value !== undefined && !(typeof value === 'string' && value.includes('{'))) ahead[field] = value;
  }
  return ahead;
}

/** @param {unknown} error */
function refusalText(error) {
  if (!(error instanceof Problem)) return String(error);
  // The state that was on the screen is not the one that the server found.
  if (error.status === 409) return `Somebody was faster. ${error.message}`;
  return error.message;
}

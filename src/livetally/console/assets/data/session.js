/**
 * Knows who is signed in.
 *
 * In the flow: receives answers from `api.js`, hands a state to the shell, which shows the sign-in page or the rest.
 * Guarantee: the key is sent once and kept nowhere in the page; the browser holds a cookie that scripts can't read.
 */

import { Problem, get, send } from './api.js';

/** Fires `change` when `state` or `who` changes. */
export class Session extends EventTarget {
  constructor() {
    super();
    /** @type {'asking' | 'in' | 'out' | 'unreachable'} */
    this.state = 'asking';
    /** @type {import('./contract.js').Who | null} */
    this.who = null;
  }

  /** Ask the server who this is; never throws. */
  async refresh() {
    try {
      this.#set('in', await get('v1/session'));
    } catch (error) {
      this.#set(error instanceof Problem && [401, 403].includes(error.status) ? 'out' : 'unreachable', null);
    }
  }

  /**
   * Exchange a key for a cookie.
   * @param {string} key
   * @throws {Problem} the key is not accepted, or the server can't be reached
   */
  async signIn(key) {
    await send('POST', 'v1/session', { key: key.trim() });
    await this.refresh();
  }

  /** End the session; when the server can't be told, stay signed in and say so by throwing. */
  async signOut() {
    try {
      await send('DELETE', 'v1/session');
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 401) throw error;
    }
    this.#set('out', null);
  }

  /** Whether the key that is signed in may do something. @param {string} scope `read`, `write`, `admin` or `operator` @returns {boolean} */
  may(scope) {
    return Boolean(scope === 'operator' ? this.who?.operator : this.who?.scopes?.includes(scope));
  }

  /** @param {Session['state']} state @param {Session['who']} who */
  #set(state, who) {
    this.state = state;
    this.who = who;
    this.dispatchEvent(new Event('change'));
  }
}

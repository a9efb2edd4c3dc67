/**
 * One answer of the server, asked again when its address changes or somebody says that it may have changed.
 *
 * In the flow: receives a path from a page or part, hands it the newest answer and asks it to render.
 * Guarantee: while a new answer is awaited the old one stays, marked as stale; an answer that was overtaken by another
 * question is thrown away; a refusal is kept in words.
 */

import { Problem, get } from './api.js';

/** @typedef {import('../vendor/lit/lit-element.js').ReactiveController} ReactiveController */
/** @typedef {import('../vendor/lit/lit-element.js').ReactiveControllerHost} Host */

/**
 * @template T
 * @implements {ReactiveController}
 */
export class Resource {
  /** @param {Host} host @param {(path: string) => Promise<T>} [ask] */
  constructor(host, ask = get) {
    this.#host = host;
    this.#ask = ask;
    host.addController(this);
    /** @type {T | null} */
    this.answer = null;
    /** @type {Problem | null} */
    this.problem = null;
    /** The path that `answer` belongs to. */
    this.answered = '';
  }

  #host;
  #ask;
  #path = '';
  #turn = 0;
  #connected = false;

  /** Whether `answer` belongs to an older question, or to none. */
  get stale() {
    return this.#path !== this.answered && !this.problem;
  }

  /** @returns {'waiting' | 'ready' | 'problem'} */
  get state() {
    if (this.problem) return 'problem';
    return this.answer === null ? 'waiting' : 'ready';
  }

  /** Ask for `path` from now on; an empty one asks nothing and forgets. @param {string} path */
  ask(path) {
    if (path === this.#path) return;
    this.#path = path;
    if (this.#connected) this.reload();
  }

  /** Ask again; returns when the answer is here. */
  async reload() {
    const turn = (this.#turn += 1);
    const path = this.#path;
    if (!path) return this.#keep(path, null, null);
    try {
      const answer = await this.#ask(path);
      if (turn === this.#turn) this.#keep(path, answer, null);
    } catch (error) {
      const problem = error instanceof Problem ? error : new Problem(0, { detail: String(error) });
      // What is on the page already is kept when the server is away for a moment.
      const kept = problem.status === 0 && this.answered === path ? this.answer : null;
      if (turn === this.#turn) this.#keep(path, kept, problem);
    }
  }

  /** Put what is known better in the place of the answer. @param {T} answer */
  replace(answer) {
    this.answer = answer;
    this.#host.requestUpdate();
  }

  hostConnected() {
    this.#connected = true;
    if (this.#path) this.reload();
  }

  hostDisconnected() {
    this.#connected = false;
    this.#turn += 1;
  }

  /** @param {string} path @param {T | null} answer @param {Problem | null} problem */
  #keep(path, answer, problem) {
    this.answer = answer;
    this.problem = problem;
    this.answered = path;
    this.#host.requestUpdate();
  }
}

/**
 * The few things of which a tab has exactly one.
 *
 * In the flow: made here, used by pages and parts.
 * Guarantee: nothing in the console makes a second session, stream or address.
 */

import { Live } from './data/live.js';
import { Session } from './data/session.js';
import { Address } from './view/address.js';
import { Colours } from './view/colours.js';
import { TimeAxis } from './view/timeaxis.js';

export const session = new Session();
export const live = new Live();
export const address = new Address();
export const colours = new Colours();
export const timeAxis = new TimeAxis();

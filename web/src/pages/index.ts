/** The pages, in the order of their tabs. */

import type { Page } from "../site";
import { move } from "./move";

export const PAGES: readonly Page[] = [move];

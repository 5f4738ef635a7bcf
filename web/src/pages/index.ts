/** The pages, in the order of their tabs. */

import type { Page } from "../site";
import { move } from "./move";
import { how } from "./how";
import { race } from "./race";
import { route } from "./route";
import { watch } from "./watch";

export const PAGES: readonly Page[] = [move, route, watch, race, how];

// @ts-check
/** The page: every module that fills an island, then the start. */

import "./core/catch_up.js";
import { learn } from "./core/facts.js";
import { keepOrder } from "./core/in_order.js";
import { start } from "./core/island.js";
import { follow } from "./core/status.js";
import { keepTab } from "./core/tabs.js";
import { startDecisions } from "./review/decisions.js";
import { restoreDropped } from "./pictures/restore.js";
import { followHints } from "./shell/hint.js";
import { followTheme } from "./shell/theme.js";

import "./captions/door.js";
import "./card/card.js";
import "./charts/coverage.js";
import "./charts/curve.js";
import "./charts/histogram.js";
import "./charts/mix.js";
import "./core/words.js";
import "./enrich/beside.js";
import "./enrich/folder.js";
import "./enrich/picker.js";
import "./loras/stack.js";
import "./threshold/door.js";
import "./pictures/strip.js";
import "./review/review.js";
import "./shell/header.js";
import "./shell/jobs.js";
import "./shell/start.js";
import "./survey/catalogue.js";
import "./survey/matrix.js";
import "./survey/standings.js";
import "./train/meter.js";
import "./train/runs.js";
import "./train/samples.js";
import "./train/tally.js";

keepOrder();
await learn();
followTheme();
followHints();
keepTab();
startDecisions();
restoreDropped();
start();
follow();

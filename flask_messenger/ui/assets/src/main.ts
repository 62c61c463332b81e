/** The one script of our pages; each part does nothing where its elements are not on the page. */
import "htmx.org";
import { startAttention } from "./attention";
import { startChrome } from "./chrome";
import { startComposer } from "./composer";
import { startListing } from "./listing";
import { startReplies } from "./replies";
import { startThread } from "./thread";
import { startUpdates } from "./updates";

startChrome();
startAttention();
startListing();
startThread();
startReplies();
startComposer();
startUpdates();

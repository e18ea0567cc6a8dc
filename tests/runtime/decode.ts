// decode.ts as a page's worker has it: with words.

import { useWords } from "../../theme/runtime/words";
import english from "../../theme/words/en.json";

useWords(english);
export * from "../../theme/runtime/decode";

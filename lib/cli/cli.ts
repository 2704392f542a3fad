#!/usr/bin/env node
import { main } from './main.ts';
import { ignoreClosedPipes } from './output.ts';

ignoreClosedPipes();
process.exitCode = await main(process.argv.slice(2));

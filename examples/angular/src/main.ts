import { bootstrapApplication } from '@angular/platform-browser';
import { CutOut } from './cut-out';

bootstrapApplication(CutOut).catch(console.error);

/** What a guest does and keeps while it moves. */
export { Belongings } from './belongings.ts';
export { Churn } from './churn.ts';
export { complaints, type Keep, type Look, O_RDWR, Workplace } from './workplace.ts';

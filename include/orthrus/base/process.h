/* Of the process as a whole: how many files it may open. */
#ifndef ORTHRUS_BASE_PROCESS_H
#define ORTHRUS_BASE_PROCESS_H

/* Each stream and each agent takes descriptors: as many as we may have. */
void raise_descriptor_limit(void);

#endif

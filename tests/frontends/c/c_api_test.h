/* What the files of c_api_test share. */
#ifndef RONDE_TESTS_FRONTENDS_C_C_API_TEST_H_
#define RONDE_TESTS_FRONTENDS_C_C_API_TEST_H_

#include <stdio.h>

#include "frontends/c/ronde.h"

extern int failures;

#define CHECK(condition)                                                                  \
  do {                                                                                    \
    if (!(condition)) {                                                                   \
      fprintf(stderr, "rank %d, %s:%d: %s does not hold; last error: %s\n", ronde_rank(), \
              __FILE__, __LINE__, #condition, ronde_last_error());                        \
      ++failures;                                                                         \
    }                                                                                     \
  } while (0)

/* Waits for `handle`, which is released: its status. */
ronde_status Finish(ronde_handle* handle);

void TestSettingsBeforeInit(void);
void TestSettings(void);
void TestObservation(void);
void TestOptions(void);
void TestProcessSets(void);
void TestJoin(void);
void TestGroups(void);

#endif

/* A libnccl.so.2 with nothing but a version. */
int ncclGetVersion(int* version) {
  *version = STUB_NCCL_VERSION;
  return 0;
}

"""Open MPI's settings that a user could try for allreduce inside a host: name -> environment."""

_TUNED = {"OMPI_MCA_coll_tuned_use_dynamic_rules": "1"}


def _tuned(number, **more):
    """One algorithm of the component `tuned`, by its number in coll_tuned_allreduce_decision.c."""
    return {**_TUNED, "OMPI_MCA_coll_tuned_allreduce_algorithm": str(number), **more}


# Variables instead of --mca: mpirun hands them on, whatever starts it.
SETTINGS = {
    "default": {},
    # Ranked below `tuned` by default; with this priority it runs wherever it can.
    "coll_sm": {"OMPI_MCA_coll_sm_priority": "100"},
    "no_cma": {"OMPI_MCA_btl_vader_single_copy_mechanism": "none"},
    "recursive_doubling": _tuned(3),
    "ring": _tuned(4),
    # Without a segment size it would be the plain ring; 1 MiB is what Open MPI's own rules take.
    "segmented_ring": _tuned(
        5, OMPI_MCA_coll_tuned_allreduce_algorithm_segmentsize=str(1 << 20)),
    "rabenseifner": _tuned(6),
    # Open MPI allocates scratch in every call: with glibc's thresholds it is mapped, faulted in
    # and returned each time.
    "malloc_thresholds": {"MALLOC_MMAP_THRESHOLD_": str(4 << 30),
                          "MALLOC_TRIM_THRESHOLD_": str(8 << 30)},
    "huge_pages": {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"},
}

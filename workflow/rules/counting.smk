rule count:
    input:
        catalogue=on_map_for("count", MANIFEST),
        rasters=all_tables("scaled"),
        areas=needed_files("counting.areas", settings.counting.areas),
    output:
        # Written last. It names all other files.
        COUNTS,
    log:
        f"{RESULTS}/logs/count.log",
    benchmark:
        f"{RESULTS}/benchmarks/count.tsv"
    conda:
        "../../envs/rasters.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        code_version=code_version("count"),
        user_files=lambda wildcards: user_files(
            settings.counting.areas,
            settings.counting.excluded,
            settings.counting.reference,
            settings.suppression.calibration,
        ),
        counting=settings.counting.model_dump(mode="json"),
        counted_sizes=settings.counted_sizes,
        enlarged=settings.enlarged,
        row_confidence=settings.row_confidence,
        score_choice=settings.score_choice,
        body=settings.body,
    message:
        "count craters in {input.areas}"
    script:
        "../scripts/count.py"

